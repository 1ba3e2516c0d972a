# The official libraries of four providers, with nothing set but what the sandbox's environment has.
import anthropic
import google.genai
import ollama
import openai

asked = [{"role": "user", "content": "hi"}]

client = openai.OpenAI()
once = client.chat.completions.create(model="m-1", messages=asked).choices[0].message.content
chunks = client.chat.completions.create(model="m-1", messages=asked, stream=True)
print("openai:", once, "/", "".join(chunk.choices[0].delta.content or "" for chunk in chunks))
once = client.responses.create(model="m-1", input="hi").output_text
events = client.responses.create(model="m-1", input="hi", stream=True)
print("responses:", once, "/", "".join(event.delta for event in events if event.type == "response.output_text.delta"))
print("models:", [model.id for model in client.models.list()])
try:
    client.with_options(max_retries=0).chat.completions.create(model="limited", messages=asked)
except openai.RateLimitError as error:
    print("limited:", error.status_code, error.response.headers["retry-after"])

client = anthropic.Anthropic()
once = client.messages.create(model="m-1", max_tokens=64, messages=asked).content[0].text
with client.messages.stream(model="m-1", max_tokens=64, messages=asked) as stream:
    print("anthropic:", once, "/", "".join(stream.text_stream))

client = google.genai.Client()
once = client.models.generate_content(model="m-1", contents="hi").text
chunks = client.models.generate_content_stream(model="m-1", contents="hi")
print("gemini:", once, "/", "".join(chunk.text or "" for chunk in chunks))

once = ollama.chat(model="m-1", messages=asked).message.content
chunks = ollama.chat(model="m-1", messages=asked, stream=True)
print("ollama:", once, "/", "".join(chunk.message.content for chunk in chunks))
