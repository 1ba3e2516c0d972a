//! The shapes of orders to a model, in folded text.

use std::sync::LazyLock;

use regex::{Regex, RegexSet};

use super::languages;

/// What a shape is, and the shape. Texts come in small letters with one blank between words.
const SHAPES: &[(&str, &str)] = &[
    (
        "an order to disregard instructions",
        r"\b(ignore|disregard|forget|override|overrule|discard|neglect|do not follow|don't follow|stop following)\b(,? (of|the|these|those|this|other|current)){0,3},? (all|any|every|everything|each|your|my|our|previous|previously|prior|above|earlier|preceding|former|existing|original|initial|system|safety|security|developer's?|user's?)\b(,? (all|any|of|the|your|my|our|these|those|previous|previously|prior|above|earlier|preceding|former|existing|original|initial|other|current|system|safety|security|given)){0,4} (instructions?|prompts?|directives?|guidelines|guardrails|programming|orders|commands you (were|have been) given)\b",
    ),
    (
        "an order to disregard instructions",
        r"\b(ignore|disregard|forget) (everything|all|anything) (that )?(you (were|have been|are|was)|i|we|they) (told|said|instructed|given|taught)\b",
    ),
    (
        "an order to disregard instructions",
        r"\byour (real|true|actual|new|updated|only|revised) (instructions|task|goal|objective|orders|directives?) (is|are|from now|follows?|as follows)\b",
    ),
    (
        "an order to disregard instructions",
        r"\b(ignore|disregard|forget|drop|override|bypass) (all |any |the |your |these |those |my )*(rules|instructions?|guidelines|directives?|directions|orders|policies|restrictions) (above|before this|so far|given (above|before|to you)|you (were|have been|are) (given|under)|of your (system|developer|operator|owner|user))\b",
    ),
    (
        "an order to disregard instructions",
        r"\byour (previous |earlier |original |prior |current |safety )*(instructions|rules|orders|guidelines|restrictions|policies|task|goal|policy) (have been|has been|are|is) (hereby |now )*(updated|changed|replaced|cancell?ed|void|lifted|suspended|revoked|overridden|disabled)\b",
    ),
    (
        "an order to disregard instructions",
        r"\b(the )?(previous|prior|earlier|original) (task|goal|instructions?|orders) (is|are|was|were|has been|have been) (hereby |now )*(cancell?ed|void|revoked|replaced|suspended)\b|\b(new|real) task ?: .{0,80}\b(send|read|delete|remove|run|fetch|open|upload|wipe)\b",
    ),
    (
        "an order to disregard instructions",
        r"\b(you are|you're) (now |hereby )*(no longer bound|free from|released from|not bound|no longer subject)( by| to)? ?(any |all |your |the )*(rules|restrictions|guidelines|instructions|policies|limits)?",
    ),
    (
        "a new role for the model",
        r"\b(from now on,? |henceforth )you (work|act|speak|operate) (only )?for me\b|\bfrom now on you are (an?|the) .{0,30}\b(agent|assistant|model|ai)\b",
    ),
    (
        "words to a model that reads this",
        r"\b(todo|fixme) ?\((the )?(ai |llm |coding )?(ai|llms?|assistants?|agents?)\)|\b(note|hint|task|action item|message|instructions?|reminder|request)s? (for|to) (the |all |any |every )*((ai|llms?)\b|language models?|(ai |coding |automated |autonomous )(assistants?|agents?)|(assistants?|agents?):)",
    ),
    (
        "words to a model that reads this",
        r"\b(ai|llm|coding|automated|autonomous|language model) ?(agents?|assistants?|models?)?,?:? (must|should|shall|needs? to|has to|have to|are (asked|required|instructed) to|may process this)\b.{0,60}\b(send|post|upload|fetch|open|visit|load|run|execute|add|append|write|delete|remove|wipe|reveal|print|publish|forward|tell|request)\b",
    ),
    (
        "words to a model that reads this",
        r"(^|[.!?\n#:*>(\u{22}-] ?)(ai |coding )?(assistants?|agents?|ai|llm|dear (language|ai|large language) model),? ?[:,(-] ?(please |also |now |first |always |silently |quietly |immediately |then )*(send|post|upload|fetch|open|visit|load|run|execute|add|append|write|delete|remove|rm |wipe|erase|reveal|print|publish|forward|tell|share|search|substitute|clean up)\b",
    ),
    (
        "an order to send secrets away",
        r"\b(contents?|value|values|text) of (every file|all files|the file|the files|~/|\.env|your |the environment|the (private|secret|ssh)).{0,80}\b(to|at|in) (the )?(url|link|https?://)",
    ),
    ("an order to send secrets away", r"!\[[^\]]{0,40}\]\(https?://[^)]{0,80}=(put_|\{|<|\[|your_|secret|insert)"),
    (
        "a new role for the model",
        r"\b(you are now|from now on,? you('re| are| will| must| shall)|you will now (act|behave|be)|pretend (that )?you are|act as if you (are|were|have)) .{0,60}\b(dan\b|jailbroken|unrestricted|unfiltered|uncensored|developer mode|god mode|no (longer )?(restrictions|limits|rules|filters)|without (any )?(restrictions|limits|rules|filters)|not bound|root access|administrator|new (instructions|goal|task|rules))",
    ),
    (
        "a new role for the model",
        r"\b(enable|enter|activate|switch to|you are in) (developer|dan|debug|god|jailbreak|unrestricted|admin(istrator)?|maintenance) mode\b.{0,60}\b(you|instructions|restrictions|safety|assistant|ai)\b",
    ),
    (
        "a turn of conversation that is none",
        r"<\|(im_start|im_end|system|user|assistant|endoftext|start_header_id|eot_id)\|>|<<sys>>|\[/?inst\]|<start_of_turn>|\[/?system_?(message|prompt)\]|</?(system|tool|function)[_-](prompt|message|instructions?|results?)>",
    ),
    (
        "a turn of conversation that is none",
        r"(###|=====|-----) ?(new )?(system|assistant|developer) ?(message|prompt|instructions?|override|note)?:? ?(###|=====|-----|you (are|must|should|will))",
    ),
    (
        "words to a model that reads this",
        r"\b(attention[:,!]?( to| for)?|(important|notice?|note|message|instructions?|reminder|urgent)[:,]? (to|for)) (all |any |the |every )?(ai|llm|language model|chatbot|automated|autonomous|coding)( |-)?(powered )?(agents?|assistants?|models?|systems?|crawlers?|readers?)?( (reading|processing|visiting|parsing|summari[sz]ing|that read))?\b.{0,80}\b(must|should|shall|ignore|instead|please|run|execute|send|do not|don't|will|reply|respond|output|you)\b",
    ),
    (
        "words to a model that reads this",
        r"\b(if|since|because|as) you('re| are) (an?|the) (ai|llm|large language model|language model|chatbot|ai agent|ai assistant|assistant|autonomous agent|coding agent)\b.{0,80}\b(must|should|shall|ignore|instead|please|run|execute|send|do not|don't|will|reply|respond|output|visit|fetch|download|include|add|write)\b",
    ),
    (
        "words to a model that reads this",
        r"\b(ai|llm|language model|chatbot) ?(agents?|assistants?|models?)?( (that is|that are|who is|who are|which is|currently|now))? (reading|processing|summari[sz]ing|parsing) this\b",
    ),
    (
        "an order to send secrets away",
        r"\b(send|post|upload|exfiltrate|forward|e-?mail|transmit|leak|submit|deliver|append|include|encode|copy)\b.{0,60}\b(api[ _-]?keys?|credentials?|passwords?|secrets?|environment variables|\.env|ssh[ _-]keys?|id_rsa|private keys?|access tokens?|system prompt|conversation( history)?|chat history|session tokens?)\b.{0,60}\b(to|at|in|into|via) .{0,30}(https?://|[a-z0-9.-]+@[a-z0-9-]+\.[a-z]|ftp://|the (url|following|attacker|image))",
    ),
    (
        "an order to keep it from people",
        r"\b(do not|don't|never|without|must not|avoid) (tell|telling|inform|informing|mention|mentioning|reveal|revealing|disclose|disclosing|alert|alerting|notify|notifying|report|reporting|show|showing)( this| these| that| it| any of this| anything| about this)?( step| message| instruction| action| action)?s?( to)? (the|your|any) (user|human|operator|owner|developer|person)s?\b.{0,40}(this|that you|these|about|instruct|message|$)",
    ),
    (
        "a wish for the model's own instructions",
        r"\b(reveal|print|repeat|show|output|display|dump|leak|disclose|recite|tell me|give me|translate|encode)\b.{0,30}\b(your|the) ((entire|full|exact|complete|original|initial|hidden|secret|whole) )*((system|developer|initial|hidden|secret|original) (prompt|message|instructions?)|instructions (above|you were given|verbatim))",
    ),
    (
        "an order to the agent to run something",
        r"\b(assistant,?( please)?|agent,?( please)?|now please|your next (step|action|task) is to|before (you )?(continu|proceed|answer|do)(e|ing)?( with)?( anything( else)?)?,?( please| you must)?) (immediately |now |first |also |secretly |silently |quietly |then )*(run|execute|call|invoke|use|open|visit|fetch|download|paste|type)\b.{0,60}(curl |wget |rm -rf|bash -|sh -c|nc -|\| ?(ba)?sh\b|eval|base64 -d|chmod \+x|run_command|the (shell|terminal|tool)\b.{0,30}(curl|delete|send|http))",
    ),
];

fn shapes() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    SHAPES.iter().chain(languages::SHAPES)
}

static SET: LazyLock<Option<RegexSet>> = LazyLock::new(|| RegexSet::new(shapes().map(|(_, shape)| shape)).ok());
static EACH: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| shapes().map(|(_, shape)| Regex::new(shape).ok()).collect());

/// What is found in a folded text: the kind and the place.
pub(super) fn find(text: &str) -> Vec<(&'static str, String)> {
    let Some(set) = SET.as_ref() else { return Vec::new() };
    let hits = set.matches(text);
    let found = hits.iter().filter_map(|number| {
        let (kind, _) = shapes().nth(number)?;
        let place = EACH.get(number)?.as_ref()?.find(text)?;
        Some((*kind, place.as_str().to_owned()))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_shape_is_one() {
        assert!(super::SET.is_some() && super::EACH.iter().all(Option::is_some));
    }
}
