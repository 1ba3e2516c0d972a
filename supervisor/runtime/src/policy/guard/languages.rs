//! The shapes of orders to a model in other languages than English, in small letters. They are found in the plain text: letters of other
//! alphabets are not taken for Latin ones here.

/// "Ignore all previous instructions", "forget your rules", and the like.
const DISREGARD: &str = "an order to disregard instructions";
/// Words to a model, or to keep something from people.
const TO_A_MODEL: &str = "words to a model that reads this";
const QUIETLY: &str = "an order to keep it from people";

/// What a shape is, and the shape.
pub(super) const SHAPES: &[(&str, &str)] = &[
    (
        DISREGARD,
        r"\b(ignoriere?|missachte|vergiss|vergessen sie|ignorieren sie) (alle|alles|deine|ihre|die|sämtliche)\b.{0,30}(anweisung|instruktion|regel|vorgabe|befehl|richtlinie)",
    ),
    (
        DISREGARD,
        r"\b(ignore[rz]?|oublie[rz]?|néglige[rz]?) (toutes|tous|tes|vos|les|mes)\b.{0,30}(instructions?|consignes?|règles?|directives?)( précédente|$|[ ,.;:])",
    ),
    (
        DISREGARD,
        r"\b(ignor[ae]|olvid[ae]|descart[ae]|esquece|esqueça|desconsidere|dimentica|scordati) (di )?(todas|todos|tus|sus|as|os|suas|seus|las|los|tutte|tutti|le|tue|delle|tuoi)\b.{0,30}(instruc|instruç|regla|regra|istruzion|regole|órden|ordens|direct|indicaç)",
    ),
    (DISREGARD, r"\b(negeer|vergeet) (alle|al|je|jouw|uw|de)\b.{0,30}(instructie|regel|opdracht|aanwijzing)"),
    (DISREGARD, r"\b(ignorera|glöm|ignorer|glem) (alla|alle|dina|dine|de)\b.{0,30}(instruktion|regler|anvisning)"),
    (
        DISREGARD,
        r"\b(zignoruj|ignoruj|zapomnij|zapomeň|ignorujte)\b.{0,20}(wszystkie|poprzedni|swoich|všechny|předchozí|svá|o)\b.{0,30}(instrukcj|polece|zasad|pokyn|pravid)",
    ),
    (
        DISREGARD,
        r"(игнорируй|проигнорируй|забудь|ігноруй|забудьте|игнорируйте)( про)? (все|всі|усі|свои|свої|ваши|предыдущие)?.{0,30}(инструкци|указани|правил|інструкці|вказівк)",
    ),
    (DISREGARD, r"(talimat|kural|yönerge)(lar|ler)?[^ ]{0,8}.{0,12}\b(yok say|unut|görmezden gel|dikkate alma)"),
    (DISREGARD, r"(تجاهل|انس|انسَ|أهمل) (جميع|كل|كافة)?.{0,20}(التعليمات|الأوامر|القواعد|تعليمات|قواعد)"),
    (DISREGARD, r"(התעלם|התעלמי|שכח|שכחי).{0,20}(ההוראות|הכללים|הנחיות|הוראות)"),
    (DISREGARD, r"(निर्देश|नियम|आदेश).{0,20}(अनदेखा|भूल जा|नज़रअंदाज़|अनदेखी)"),
    (
        DISREGARD,
        r"(忽略|无视|忘记|忘掉|無視|不要理会|忽視).{0,10}(之前|以上|先前|所有|你的|一切|前面|此前).{0,10}(指令|指示|规则|規則|提示|说明|要求)",
    ),
    (DISREGARD, r"(指示|命令|ルール|規則|プロンプト|指令)を(すべて|全て|全部)?(無視|忘れ)"),
    (DISREGARD, r"(지시|명령|규칙|지침)(사항)?(를|을|은|는)?( 모두| 전부)? ?(무시|잊)"),
    (
        DISREGARD,
        r"\b(bỏ qua|quên)\b.{0,20}(hướng dẫn|chỉ dẫn|quy tắc|lệnh)|\b(abaikan|lupakan)\b.{0,20}(instruksi|perintah|aturan)",
    ),
    (DISREGARD, r"(αγνόησε|αγνοήστε|ξέχασε).{0,20}(οδηγίες|εντολές|κανόνες)"),
    (
        TO_A_MODEL,
        r"\b(hinweis|anweisung|achtung|note|nota|avis|aviso|avviso|consigne|opmerking|let op|uwaga)\b.{0,12}\b(ki|ia|ai|llm)[- ](assistent|agent|modell|asistente|agente|assistente)|\b(assistants?|agents?|asistentes?|agentes?|assistenti|assistente|agenti) (d'|de |di )?(ia|ai)\b.{0,3}[:：]|\bai-assistent.{0,3}:",
    ),
    (TO_A_MODEL, r"(примечание|внимание|инструкция).{0,10} для (ии|ai)|ии-(ассистент|агент)[а-я]{0,3}( ?[:—-]| должн)"),
    (
        TO_A_MODEL,
        r"(ai|人工智能|智能) ?(助手|代理|智能体|模型)(请|必须|應|应|需要|：|,|，)|aiアシスタント(へ|は|：)|(ai|인공지능) ?(비서|에이전트|어시스턴트)(는|에게|:)|(مساعد|وكيل) الذكاء الاصطناعي.{0,3}[:：]",
    ),
    (
        QUIETLY,
        r"\b(dem|der|den) (benutzer|nutzer|anwender|menschen)\b.{0,20}\bnicht\b|\bgegenüber dem (benutzer|nutzer)\b.{0,12}\bnicht\b|\b(n'en parlez? pas|ne (le )?dites? (rien|pas)|sans (le )?dire) à l'utilisateur|\bno se lo digas al usuario|\bsin (decírselo|decir nada) al usuario|\bsenza dirlo all'utente|\bsem (dizer|avisar)( nada)? (ao|o) (usuário|utilizador)|\bvertel dit niet aan de gebruiker",
    ),
    (
        QUIETLY,
        r"не (сообщай|говори|рассказывай)(те)?.{0,12}пользовател|(不要|别|勿)(告诉|告知|通知|让)(用户|使用者|用戶)|ユーザー(に|には)(言わない|知らせない|伝えない)|사용자(에게)?(는)? ?(말하지|알리지) ?(마|않)|(لا|دون أن) (تخبر|تقل).{0,6}(المستخدم|للمستخدم)|kullanıcıya (söyleme|bildirme)",
    ),
];
