// Generated from the protocol crate by its test `typescript`; do not edit.
// AETHER_UPDATE=1 cargo test -p aether-protocol --test typescript writes it anew.

/**
 * The built-in agent is about to use a tool.
 */
export type AgentAction = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Step, from 1.
 */
step: number, 
/**
 * Tool.
 */
tool: string, 
/**
 * Its arguments.
 */
args: unknown, };

/**
 * The budget of an agent.
 */
export type AgentBudget = { 
/**
 * Its own limits, with the configured ones where it has none.
 */
budget: Budget, 
/**
 * What it used.
 */
spent: Spent, 
/**
 * What its children used of its budget, and theirs.
 */
below: Spent, 
/**
 * What live children may still use of it.
 */
lent: Spent, 
/**
 * Every limit that holds for it; of those of the agent itself, what its children used and may use counts as used.
 */
lines: Array<BudgetLine>, 
/**
 * It is frozen because of this.
 */
frozen: string | null, 
/**
 * What was found when it was frozen last.
 */
postMortem: PostMortem | null, 
/**
 * What each model was asked so far: by the loop, through the gateway, and to look back.
 */
byModel: Array<ModelSpend>, };

/**
 * Older steps are shown to the model as a summary from now on; the journal keeps them whole.
 */
export type AgentCompacted = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Step before which it happened.
 */
step: number, 
/**
 * Last step that is only summed up.
 */
summedUp: number, 
/**
 * Tokens of the conversation before, estimated.
 */
tokensBefore: number, 
/**
 * Tokens of it from now on, estimated.
 */
tokensAfter: number, };

/**
 * The built-in agent reached its goal.
 */
export type AgentCompleted = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * What it did.
 */
summary: string, };

/**
 * Continues an agent past its step limit by 25 steps.
 */
export type AgentContinue = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * A piece of an answer. It is not kept, and a client may miss pieces: the whole thought follows as `agent.thought`, the calls as
 * `agent.action`, and what came of them for the same step is then out of date.
 */
export type AgentDelta = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Step that is being answered, from 1.
 */
step: number, 
/**
 * What to do with the text.
 */
kind: DeltaKind, 
/**
 * More text, or the name of a tool.
 */
text: string, };

/**
 * The closed set of events; `type` has the name on the wire.
 */
export type AgentEvent = { "type": "process.spawned" } & ProcessSpawned | { "type": "process.stateChange" } & ProcessStateChange | { "type": "process.exit" } & ProcessExit | { "type": "process.reaped" } & ProcessReaped | { "type": "process.queued" } & ProcessQueued | { "type": "process.dequeued" } & ProcessDequeued | { "type": "process.priorityChanged" } & ProcessPriorityChanged | { "type": "agent.thought" } & AgentThought | { "type": "agent.action" } & AgentAction | { "type": "agent.observation" } & AgentObservation | { "type": "agent.progress" } & AgentProgress | { "type": "agent.completed" } & AgentCompleted | { "type": "agent.paused" } & AgentPaused | { "type": "agent.resumed" } & AgentResumed | { "type": "agent.userMessage" } & AgentUserMessage | { "type": "agent.compacted" } & AgentCompacted | { "type": "agent.held" } & AgentHeld | { "type": "agent.released" } & AgentReleased | { "type": "agent.steered" } & AgentSteered | { "type": "agent.spawned" } & ChildSpawned | { "type": "agent.log" } & AgentLog | { "type": "fs.changed" } & FsChanged | { "type": "tty.opened" } & TtyOpened | { "type": "tty.closed" } & TtyClosed | { "type": "network.verdict" } & NetworkDecided | { "type": "network.policy" } & NetworkPolicyChanged | { "type": "approval.requested" } & ApprovalRequested | { "type": "approval.decided" } & ApprovalDecided | { "type": "guard.suspicion" } & GuardSuspicion | { "type": "budget.warning" } & BudgetWarning | { "type": "resource.exceeded" } & ResourceExceeded | { "type": "agent.runaway" } & AgentRunaway | { "type": "agent.postMortem" } & PostMortemWritten | { "type": "memory.stored" } & MemoryStored | { "type": "memory.forgotten" } & MemoryForgotten | { "type": "memory.consolidated" } & MemoryConsolidated | { "type": "plan.created" } & PlanCreated | { "type": "plan.updated" } & PlanUpdated | { "type": "reflection.stored" } & ReflectionStored | { "type": "feedback.submitted" } & FeedbackSubmitted | { "type": "ipc.message" } & LetterSent | { "type": "ipc.delivered" } & LetterRead;

/**
 * A person works in its sandbox: it begins nothing new meanwhile, and what runs goes on.
 */
export type AgentHeld = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Who it is.
 */
by: string, };

/**
 * Identity of an agent: 12 characters `[a-z0-9]`, the first a letter, random, never reused.
 */
export type AgentId = string;

/**
 * An agent as clients see it.
 */
export type AgentInfo = { 
/**
 * Identity.
 */
id: AgentId, 
/**
 * Running number, shown to people and used as `pid` on the WebSocket; never reused.
 */
number: number, 
/**
 * `agent_<number>`.
 */
uid: string, 
/**
 * Name.
 */
name: AgentName, 
/**
 * Who owns it: `root`, a user name of the host, or `operator`.
 */
owner: string, 
/**
 * The agent that started it, which may have been removed since.
 */
parent: AgentId | null, 
/**
 * Host pid of its PID 1 inside, while it lives.
 */
pid: number | null, 
/**
 * Life-cycle state.
 */
state: AgentState, 
/**
 * Phase within it.
 */
phase: AgentPhase, 
/**
 * Role, for goals.
 */
role: string | null, 
/**
 * What it was asked for.
 */
spec: AgentSpec, 
/**
 * Provider and model in use, for goals, for example `heuristic`.
 */
model: string | null, 
/**
 * Steps taken, for goals.
 */
step: number, 
/**
 * Steps allowed, for goals.
 */
maxSteps: number | null, 
/**
 * Place in the queue, from 1, while queued.
 */
queuePosition: number | null, 
/**
 * Its cgroup below the cgroup mount point, while it lives.
 */
cgroup: string | null, 
/**
 * Its host uids, while it lives.
 */
uidRange: UidRange | null, 
/**
 * Isolation in force; absent before the first launch.
 */
enforcement: Enforcement | null, 
/**
 * Home directory inside.
 */
home: string, 
/**
 * When it was asked for.
 */
createdAt: Timestamp, 
/**
 * When its program started.
 */
startedAt: Timestamp | null, 
/**
 * When it ended.
 */
endedAt: Timestamp | null, 
/**
 * How it ended.
 */
exit: ExitInfo | null, 
/**
 * The last thing it did, one line.
 */
lastAction: string | null, 
/**
 * Who works in its sandbox just now, so that its loop begins nothing new.
 */
heldBy?: string | null, 
/**
 * Last sample of its resources.
 */
usage: Usage | null, 
/**
 * Last look at what it keeps on disk.
 */
disk: DiskUsage | null, };

/**
 * A note of the service about an agent, for example a restart of the supervisor it lived through.
 */
export type AgentLog = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * `info`, `warn` or `error`.
 */
level: string, 
/**
 * One line.
 */
message: string, };

/**
 * Writes to the built-in agent; it reads the message before its next step.
 */
export type AgentMessage = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * What to say.
 */
content: string, };

/**
 * The model gateway as one agent has it.
 */
export type AgentModels = { 
/**
 * The providers it may ask.
 */
providers: Array<ModelProvider>, 
/**
 * Tokens it may use in all; absent: no limit.
 */
tokenBudget: number | null, 
/**
 * Tokens used so far, read and written.
 */
tokensUsed: number, 
/**
 * What the calls came to, by step and model.
 */
usage: Array<ModelUsage>, };

/**
 * Name of an agent: `[a-z0-9][a-z0-9-]{0,62}`, unique among agents that have not been removed.
 */
export type AgentName = string;

/**
 * A tool answered.
 */
export type AgentObservation = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Step, from 1.
 */
step: number, 
/**
 * Tool.
 */
tool: string, 
/**
 * It did what was asked.
 */
ok: boolean, 
/**
 * The result, shortened to 4 KiB.
 */
result: string, 
/**
 * What a call that ran a program used.
 */
used?: CallUsage | null, };

/**
 * Freezes an agent's cgroup.
 */
export type AgentPauseCommand = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * The cgroup of an agent was frozen.
 */
export type AgentPaused = { 
/**
 * Number of the agent.
 */
pid: number, };

/**
 * What the agent is doing within its state.
 */
export type AgentPhase = "booting" | "thinking" | "executing" | "waiting" | "observing" | "idle" | "completed" | "failed";

/**
 * A TCP port that something inside a sandbox listens on.
 */
export type AgentPort = { 
/**
 * The port, 1 to 65535.
 */
port: number, 
/**
 * Addresses inside the sandbox that it is open at, for example `127.0.0.1` or `::`.
 */
addresses: Array<string>, 
/**
 * Can it be opened from outside? True when it listens on loopback or on every address.
 */
reachable: boolean, 
/**
 * Where a browser finds it once a link let it in; absent when the service has no TCP address, or it is not reachable.
 */
origin: string | null, };

/**
 * What an agent is known for, counted and not guessed.
 */
export type AgentProfile = { 
/**
 * Goals that it reached.
 */
completed: number, 
/**
 * Goals that it did not reach.
 */
failed: number, 
/**
 * Steps taken in all of them.
 */
steps: number, 
/**
 * Calls of tools.
 */
calls: number, 
/**
 * Calls of tools that failed.
 */
callsFailed: number, 
/**
 * Ratings that a model gave at the end of runs, and their sum: both 0 where none did.
 */
ratings: number, 
/**
 * Sum of these ratings.
 */
ratingSum: number, 
/**
 * What it says it is good at, at most 20.
 */
expertise: Array<string>, 
/**
 * What it notes of itself.
 */
notes: string, };

/**
 * Progress of the built-in agent.
 */
export type AgentProgress = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Step, from 1.
 */
step: number, 
/**
 * Steps allowed.
 */
maxSteps: number, 
/**
 * One line.
 */
summary: string, 
/**
 * Who answered, as `PROVIDER/MODEL`.
 */
model?: string | null, 
/**
 * Tokens of the answer, read and written, when the provider tells.
 */
tokens?: number | null, 
/**
 * Cost of the answer, millionths of a US dollar, when there is a price.
 */
costMicrousd?: number | null, };

/**
 * An agent by number, id, name or unique prefix.
 */
export type AgentRef = number | string;

/**
 * The person gave it back, or typed nothing for a while.
 */
export type AgentReleased = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Who had it.
 */
by: string, 
/**
 * They said so; otherwise time did.
 */
handed: boolean, };

/**
 * Thaws an agent's cgroup.
 */
export type AgentResumeCommand = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * The cgroup of an agent was thawed.
 */
export type AgentResumed = { 
/**
 * Number of the agent.
 */
pid: number, };

/**
 * The agent goes in circles: it is frozen, and a person is asked.
 */
export type AgentRunaway = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * What it does over and over.
 */
why: string, };

/**
 * An agent as wished for. Unknown fields are refused.
 */
export type AgentSpec = { 
/**
 * Name; generated from the id when absent.
 */
name?: AgentName | null, 
/**
 * Agent under which it starts, by id, number or name: it gets no more than that one has, and ends with it.
 */
parent?: string | null, 
/**
 * It goes on when its parent ends.
 */
outlives?: boolean, 
/**
 * What runs: a program, or the built-in agent with a goal.
 */
program: Program, 
/**
 * Environment added to the agent's defaults.
 */
env?: { [key in string]: string }, 
/**
 * Absolute directory inside the sandbox to start in; `/home/agent` when absent.
 */
workdir?: string | null, 
/**
 * What the network may reach.
 */
network?: NetworkMode, 
/**
 * Providers that its programs may ask through the model gateway; none when empty.
 */
models?: Array<ModelProvider>, 
/**
 * Secrets that are added to its requests, and never seen inside; none when empty.
 */
secrets?: Array<SecretUse>, 
/**
 * Limits of its cgroup.
 */
limits?: Limits, 
/**
 * What it may use up before it is frozen.
 */
budget?: Budget, 
/**
 * Which calls of the built-in agent are allowed, asked about, or denied; the configured rules hold as well.
 */
rules?: Array<ToolRule>, 
/**
 * How far its sandbox goes: everything closed, or one of the named weaker ones.
 */
profile?: Profile, 
/**
 * Host directories lent to it.
 */
mounts?: Array<MountSpec>, 
/**
 * Place in the queue, 1 (first) to 5 (last).
 */
priority?: number, 
/**
 * Remove home and record when it ends (`--rm`).
 */
ephemeral?: boolean, 
/**
 * Layers that may be missing on this host: an explicit, audited choice.
 */
allowReduced?: Array<Layer>, };

/**
 * Life-cycle state.
 */
export type AgentState = "queued" | "created" | "running" | "sleeping" | "stopped" | "paused" | "zombie" | "dead";

/**
 * Changes the tools or the model of a built-in agent from its next step on; answers with its `AgentInfo`. What is absent stays.
 */
export type AgentSteer = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Only these tools (and `complete`).
 */
tools: Array<string> | null, 
/**
 * Every tool there is.
 */
allTools: boolean, 
/**
 * `PROVIDER/MODEL`.
 */
model: string | null, };

/**
 * What a built-in agent works with changed; it holds from its next step on.
 */
export type AgentSteered = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Its tools now; all there are when null.
 */
tools: Array<string> | null, 
/**
 * Its model now.
 */
model: string | null, };

/**
 * The built-in agent thought.
 */
export type AgentThought = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Step, from 1.
 */
step: number, 
/**
 * The thought.
 */
thought: string, };

/**
 * An agent and everybody below it.
 */
export type AgentTree = { 
/**
 * The agent first; each one stands before its children, the oldest of which comes first.
 */
nodes: Array<TreeNode>, };

/**
 * A person wrote to an agent.
 */
export type AgentUserMessage = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * What they wrote.
 */
content: string, };

/**
 * What went wrong and what to do about it.
 */
export type ApiError = { 
/**
 * Kind of failure.
 */
code: ErrorCode, 
/**
 * The cause, one line.
 */
message: string, 
/**
 * What to do next, one line; may be empty.
 */
hint: string, };

/**
 * Something an agent wants that a person has to decide.
 */
export type Approval = { 
/**
 * Names it; never given twice.
 */
id: number, 
/**
 * The agent.
 */
agentId: AgentId, 
/**
 * Its number.
 */
pid: number, 
/**
 * Its name.
 */
agent: string, 
/**
 * What it wants.
 */
wish: ApprovalWish, 
/**
 * The step of its goal, for the built-in agent.
 */
step: number | null, 
/**
 * When it asked.
 */
askedAt: Timestamp, 
/**
 * When it is denied because nobody decided.
 */
expiresAt: Timestamp, };

/**
 * Decides about one of those; answers with the `Approval`.
 */
export type ApprovalDecide = { 
/**
 * Its number.
 */
approvalId: number, 
/**
 * The word.
 */
decision: Decision, 
/**
 * Why: the built-in agent reads it.
 */
reason: string | null, };

/**
 * It waits no longer.
 */
export type ApprovalDecided = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Which one.
 */
id: number, 
/**
 * The word.
 */
decision: Decision, 
/**
 * Who decided; `nobody` when time ran out.
 */
by: string, 
/**
 * Why, in their words.
 */
reason: string | null, };

/**
 * What waits for a person, oldest first; answers with `Approval[]`.
 */
export type ApprovalList = Record<symbol, never>;

/**
 * An agent waits for a person's word.
 */
export type ApprovalRequested = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * What it wants.
 */
approval: Approval, };

/**
 * What needs a person's word.
 */
export type ApprovalWish = { "type": "connect" } & ConnectWish | { "type": "call" } & CallWish | { "type": "continue" } & ContinueWish;

/**
 * What checking the whole chain found.
 */
export type AuditCheck = { 
/**
 * Every record is there and as it was written.
 */
whole: boolean, 
/**
 * Records found good, from the first one on.
 */
records: number, 
/**
 * Hash of the last record, when the chain is whole.
 */
head: string | null, 
/**
 * Number of the first record that is not as it was written.
 */
brokenAt: number | null, 
/**
 * What is wrong with it; empty when the chain is whole.
 */
cause: string, };

/**
 * Who did what, oldest first; answers with `AuditRecord[]`.
 */
export type AuditQuery = { 
/**
 * Only those after this number.
 */
since: number, 
/**
 * At most so many (default and most: 1000).
 */
limit: number | null, };

/**
 * One record. `hash` is SHA-256 over the hash of the record before and the fields of this one.
 */
export type AuditRecord = { 
/**
 * Its number, from 1, without gaps.
 */
number: number, 
/**
 * When.
 */
at: Timestamp, 
/**
 * Who: an owner, `nobody` for a refused stranger, `service` for the service itself.
 */
who: string, 
/**
 * What, for example `agent.kill`.
 */
action: string, 
/**
 * On what: an agent id, a path, an address.
 */
subject: string, 
/**
 * How it ended.
 */
outcome: unknown, 
/**
 * Its place in the chain, in hexadecimal digits.
 */
hash: string, };

/**
 * A user and a password.
 */
export type BasicPlace = { 
/**
 * The user.
 */
user: string, };

/**
 * What may be used up. Absent means no limit.
 */
export type Budget = { 
/**
 * Tokens of models, read and written, by the loop and through the gateway.
 */
tokens?: number | null, 
/**
 * Cost of models, millionths of a US dollar. Models without a price cost nothing here.
 */
costMicrousd?: number | null, 
/**
 * Steps of the built-in agent.
 */
steps?: number | null, 
/**
 * Time that it was not paused, seconds.
 */
wallSecs?: number | null, 
/**
 * CPU time, seconds.
 */
cpuSecs?: number | null, 
/**
 * Bytes sent out of the machine by its connections.
 */
bytesOut?: number | null, };

/**
 * A kind of what is used up.
 */
export type BudgetKind = "tokens" | "cost" | "steps" | "wall" | "cpu" | "bytesOut";

/**
 * One limit and how much of it is used.
 */
export type BudgetLine = { 
/**
 * Whose.
 */
scope: BudgetScope, 
/**
 * Of what.
 */
kind: BudgetKind, 
/**
 * Used.
 */
used: number, 
/**
 * Limit.
 */
limit: number, };

/**
 * Whose budget.
 */
export type BudgetScope = "agent" | "ownerToday" | "today";

/**
 * Four fifths of a limit are used.
 */
export type BudgetWarning = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The limit.
 */
line: BudgetLine, };

/**
 * What a call that ran a program used, as the kernel counted it, with everything that it started. A figure that this host does not count
 * for a call is null, and `absent` says why.
 */
export type CallUsage = { 
/**
 * CPU time, microseconds.
 */
cpuUsec: number | null, 
/**
 * Most memory at a time, with the pages of files that it read and wrote, bytes.
 */
memoryPeakBytes: number | null, 
/**
 * Most memory that a single one of its processes had at a time, of those that were waited for, bytes.
 */
largestProcessBytes: number | null, 
/**
 * Read from storage by processes that were waited for, bytes.
 */
readBytes: number | null, 
/**
 * Written to files on storage by processes that were waited for, bytes.
 */
writtenBytes: number | null, 
/**
 * Most processes and threads at a time.
 */
mostTasks: number | null, 
/**
 * Processes that were still there when its program had ended.
 */
left: number, 
/**
 * They go on, as the call asked; otherwise they were killed.
 */
leftRunning: boolean, 
/**
 * Why figures are null, one sentence each.
 */
absent: Array<string>, };

/**
 * A call of the built-in agent that is held, with what exactly it would do.
 */
export type CallWish = { 
/**
 * The tool.
 */
tool: string, 
/**
 * The call in one line.
 */
summary: string, 
/**
 * Its arguments, long texts cut.
 */
args: unknown, 
/**
 * The whole command line, for a command.
 */
command: string | null, 
/**
 * Directory that the command starts in.
 */
workdir: string | null, 
/**
 * The file that it changes, with links followed.
 */
path: string | null, 
/**
 * The change of that file as a unified diff, at the time of asking.
 */
diff: string | null, 
/**
 * The destination that it connects to.
 */
host: string | null, 
/**
 * Why a person is asked.
 */
why: string, 
/**
 * The agent has read something from outside before.
 */
tainted: boolean, 
/**
 * What looked like an attempt to give the agent orders.
 */
suspicions: Array<Suspicion>, 
/**
 * What was asked for, hashed: the word holds for exactly this call.
 */
digest: string, };

/**
 * An agent was started under this one.
 */
export type ChildSpawned = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The new one.
 */
child: AgentId, 
/**
 * Its number.
 */
childPid: number, };

/**
 * The closed set of commands; `type` has the name on the wire.
 */
export type Command = { "type": "process.spawn" } & ProcessSpawnCommand | { "type": "process.signal" } & ProcessSignal | { "type": "process.list" } & ProcessListCommand | { "type": "process.info" } & ProcessInfo | { "type": "process.setPriority" } & ProcessSetPriority | { "type": "process.getQueue" } & ProcessGetQueue | { "type": "process.remove" } & ProcessRemove | { "type": "agent.pause" } & AgentPauseCommand | { "type": "agent.resume" } & AgentResumeCommand | { "type": "agent.continue" } & AgentContinue | { "type": "agent.message" } & AgentMessage | { "type": "agent.steer" } & AgentSteer | { "type": "process.approve" } & ProcessApprove | { "type": "process.reject" } & ProcessReject | { "type": "approval.list" } & ApprovalList | { "type": "approval.decide" } & ApprovalDecide | { "type": "memory.store" } & MemoryStore | { "type": "memory.recall" } & MemoryRecall | { "type": "memory.list" } & MemoryList | { "type": "memory.forget" } & MemoryForget | { "type": "memory.share" } & MemoryShare | { "type": "plan.get" } & PlanGet | { "type": "feedback.submit" } & FeedbackSubmit | { "type": "feedback.get" } & FeedbackGet | { "type": "profile.get" } & ProfileGet | { "type": "profile.list" } & ProfileList | { "type": "resource.getQuota" } & ResourceGetQuota | { "type": "resource.setQuota" } & ResourceSetQuota | { "type": "resource.getUsage" } & ResourceGetUsage | { "type": "resource.getSummary" } & ResourceGetSummary | { "type": "audit.query" } & AuditQuery | { "type": "template.list" } & TemplateList | { "type": "fs.read" } & FsRead | { "type": "fs.write" } & FsWrite | { "type": "fs.mkdir" } & FsMkdir | { "type": "fs.rm" } & FsRm | { "type": "fs.ls" } & FsLs | { "type": "fs.stat" } & FsStat | { "type": "fs.mv" } & FsMv | { "type": "fs.cp" } & FsCp | { "type": "tty.open" } & TtyOpen | { "type": "tty.attach" } & TtyAttach | { "type": "tty.detach" } & TtyDetach | { "type": "tty.ack" } & TtyAck | { "type": "tty.input" } & TtyInput | { "type": "tty.resize" } & TtyResize | { "type": "tty.close" } & TtyClose | { "type": "tty.list" } & TtyList | { "type": "events.resume" } & EventsResume | { "type": "gpu.list" } & GpuList | { "type": "llm.list" } & LlmList | { "type": "kernel.status" } & KernelStatus | { "type": "kernel.shutdown" } & KernelShutdown;

/**
 * A command with its id.
 */
export type CommandEnvelope = { 
/**
 * Chosen by the client, echoed in the answer.
 */
id: string, } & ({ "type": "process.spawn" } & ProcessSpawnCommand | { "type": "process.signal" } & ProcessSignal | { "type": "process.list" } & ProcessListCommand | { "type": "process.info" } & ProcessInfo | { "type": "process.setPriority" } & ProcessSetPriority | { "type": "process.getQueue" } & ProcessGetQueue | { "type": "process.remove" } & ProcessRemove | { "type": "agent.pause" } & AgentPauseCommand | { "type": "agent.resume" } & AgentResumeCommand | { "type": "agent.continue" } & AgentContinue | { "type": "agent.message" } & AgentMessage | { "type": "agent.steer" } & AgentSteer | { "type": "process.approve" } & ProcessApprove | { "type": "process.reject" } & ProcessReject | { "type": "approval.list" } & ApprovalList | { "type": "approval.decide" } & ApprovalDecide | { "type": "memory.store" } & MemoryStore | { "type": "memory.recall" } & MemoryRecall | { "type": "memory.list" } & MemoryList | { "type": "memory.forget" } & MemoryForget | { "type": "memory.share" } & MemoryShare | { "type": "plan.get" } & PlanGet | { "type": "feedback.submit" } & FeedbackSubmit | { "type": "feedback.get" } & FeedbackGet | { "type": "profile.get" } & ProfileGet | { "type": "profile.list" } & ProfileList | { "type": "resource.getQuota" } & ResourceGetQuota | { "type": "resource.setQuota" } & ResourceSetQuota | { "type": "resource.getUsage" } & ResourceGetUsage | { "type": "resource.getSummary" } & ResourceGetSummary | { "type": "audit.query" } & AuditQuery | { "type": "template.list" } & TemplateList | { "type": "fs.read" } & FsRead | { "type": "fs.write" } & FsWrite | { "type": "fs.mkdir" } & FsMkdir | { "type": "fs.rm" } & FsRm | { "type": "fs.ls" } & FsLs | { "type": "fs.stat" } & FsStat | { "type": "fs.mv" } & FsMv | { "type": "fs.cp" } & FsCp | { "type": "tty.open" } & TtyOpen | { "type": "tty.attach" } & TtyAttach | { "type": "tty.detach" } & TtyDetach | { "type": "tty.ack" } & TtyAck | { "type": "tty.input" } & TtyInput | { "type": "tty.resize" } & TtyResize | { "type": "tty.close" } & TtyClose | { "type": "tty.list" } & TtyList | { "type": "events.resume" } & EventsResume | { "type": "gpu.list" } & GpuList | { "type": "llm.list" } & LlmList | { "type": "kernel.status" } & KernelStatus | { "type": "kernel.shutdown" } & KernelShutdown);

/**
 * A program with its arguments.
 */
export type CommandSpec = { 
/**
 * Program and arguments; the program is searched in the sandbox's `PATH`.
 */
argv: Array<string>, 
/**
 * Give it a terminal instead of pipes.
 */
tty?: boolean, 
/**
 * Keep its standard input open for writers; otherwise it reads end-of-file at once.
 */
stdin?: boolean, 
/**
 * Columns of the terminal at start (default 120).
 */
cols?: number | null, 
/**
 * Rows of the terminal at start (default 36).
 */
rows?: number | null, };

/**
 * A destination to connect to.
 */
export type ConnectWish = { 
/**
 * Name or address.
 */
host: string, 
/**
 * Port.
 */
port: number, 
/**
 * The program, by its path inside, if that is known.
 */
program?: string | null, };

/**
 * An agent that was frozen and wants to go on.
 */
export type ContinueWish = { 
/**
 * Why it was frozen.
 */
why: string, };

/**
 * A person's word.
 */
export type Decision = "once" | "always" | "deny";

/**
 * What a piece of an answer is.
 */
export type DeltaKind = "text" | "call" | "restart";

/**
 * A directory descriptor that travels with the request.
 */
export type DescriptorSource = { 
/**
 * Its place among the descriptors of the request, from 0.
 */
index: number, 
/**
 * The client's path, shown to people, never opened.
 */
shown: string, };

/**
 * What an agent keeps on disk, as the means of limiting it counts. What is not counted is null.
 */
export type DiskUsage = { 
/**
 * Space, bytes; some file systems say it ten seconds late.
 */
bytes: number | null, 
/**
 * The limit of it in force, bytes.
 */
bytesLimit: number | null, 
/**
 * Files and directories.
 */
inodes: number | null, 
/**
 * The limit of them in force.
 */
inodesLimit: number | null, };

/**
 * Answer of `aether doctor`: what this host can do.
 */
export type DoctorReport = { 
/**
 * Every check, in the order of [`FindingGroup`].
 */
findings: Array<Finding>, };

/**
 * Which isolation is really in force.
 */
export type Enforcement = { 
/**
 * All layers, or fewer by somebody's explicit choice.
 */
mode: EnforcementMode, 
/**
 * Each layer by its name.
 */
layers: { [key in string]: LayerReport }, 
/**
 * What the kernel was given at the launch and shows nobody afterwards, by name: `filter` and `spawner-filter` (seccomp), `ruleset`
 * (Landlock). An agent keeps it for its life, whatever a later version of the service installs.
 */
policies: { [key in string]: PolicyDigest }, 
/**
 * The limits that were set at the launch, whatever the defaults are now. None of its disk where nothing can limit it.
 */
limits: Limits, };

/**
 * Full or reduced.
 */
export type EnforcementMode = "full" | "reduced";

/**
 * Body of every failed HTTP request: `{"error": {"code", "message", "hint"}}`.
 */
export type ErrorBody = { 
/**
 * The error.
 */
error: ApiError, };

/**
 * Kinds of failure; each has one HTTP status and one exit status of the command line.
 */
export type ErrorCode = "INVALID" | "UNAUTHENTICATED" | "DENIED" | "NOT_FOUND" | "CONFLICT" | "TOO_LARGE" | "MISDIRECTED" | "WRONG_KIND" | "BUSY" | "UNSUPPORTED" | "SANDBOX_FAILED" | "INTERNAL" | "UNAVAILABLE" | "NO_SPACE";

/**
 * One durable event.
 */
export type Event = { 
/**
 * Sequence number, from 1, without gaps.
 */
seq: number, 
/**
 * When it happened.
 */
at: Timestamp, 
/**
 * Agent concerned.
 */
agentId: AgentId | null, 
/**
 * Owner of that agent; empty for events of the service.
 */
owner: string, } & ({ "type": "process.spawned" } & ProcessSpawned | { "type": "process.stateChange" } & ProcessStateChange | { "type": "process.exit" } & ProcessExit | { "type": "process.reaped" } & ProcessReaped | { "type": "process.queued" } & ProcessQueued | { "type": "process.dequeued" } & ProcessDequeued | { "type": "process.priorityChanged" } & ProcessPriorityChanged | { "type": "agent.thought" } & AgentThought | { "type": "agent.action" } & AgentAction | { "type": "agent.observation" } & AgentObservation | { "type": "agent.progress" } & AgentProgress | { "type": "agent.completed" } & AgentCompleted | { "type": "agent.paused" } & AgentPaused | { "type": "agent.resumed" } & AgentResumed | { "type": "agent.userMessage" } & AgentUserMessage | { "type": "agent.compacted" } & AgentCompacted | { "type": "agent.held" } & AgentHeld | { "type": "agent.released" } & AgentReleased | { "type": "agent.steered" } & AgentSteered | { "type": "agent.spawned" } & ChildSpawned | { "type": "agent.log" } & AgentLog | { "type": "fs.changed" } & FsChanged | { "type": "tty.opened" } & TtyOpened | { "type": "tty.closed" } & TtyClosed | { "type": "network.verdict" } & NetworkDecided | { "type": "network.policy" } & NetworkPolicyChanged | { "type": "approval.requested" } & ApprovalRequested | { "type": "approval.decided" } & ApprovalDecided | { "type": "guard.suspicion" } & GuardSuspicion | { "type": "budget.warning" } & BudgetWarning | { "type": "resource.exceeded" } & ResourceExceeded | { "type": "agent.runaway" } & AgentRunaway | { "type": "agent.postMortem" } & PostMortemWritten | { "type": "memory.stored" } & MemoryStored | { "type": "memory.forgotten" } & MemoryForgotten | { "type": "memory.consolidated" } & MemoryConsolidated | { "type": "plan.created" } & PlanCreated | { "type": "plan.updated" } & PlanUpdated | { "type": "reflection.stored" } & ReflectionStored | { "type": "feedback.submitted" } & FeedbackSubmitted | { "type": "ipc.message" } & LetterSent | { "type": "ipc.delivered" } & LetterRead);

/**
 * Sends durable events after a number, then the live ones.
 */
export type EventsResume = { 
/**
 * Last number already seen; 0 for all.
 */
seq: number, };

/**
 * How a program ended.
 */
export type ExitInfo = { 
/**
 * Exit status, 128 + n for signal n, 255 when unknown, 125/126/127 when it could not start.
 */
code: number, 
/**
 * Signal name, for example `SIGKILL`, when a signal ended it.
 */
signal?: string | null, 
/**
 * One line for people: why it ended.
 */
reason?: string | null, };

/**
 * What a person thought of a step.
 */
export type Feedback = { 
/**
 * The step, from 1.
 */
step: number, 
/**
 * 1 or -1.
 */
rating: number, 
/**
 * In their words.
 */
comment: string, 
/**
 * Who.
 */
by: string, 
/**
 * When.
 */
at: Timestamp, };

/**
 * What people thought of an agent's steps, newest first; answers with `Feedback[]`.
 */
export type FeedbackGet = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * Rates a step that an agent took; answers with the `Feedback`.
 */
export type FeedbackSubmit = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * The step, from 1.
 */
step: number, 
/**
 * 1 or -1.
 */
rating: number, 
/**
 * In your words.
 */
comment: string, };

/**
 * A person rated a step.
 */
export type FeedbackSubmitted = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * What they thought.
 */
feedback: Feedback, };

/**
 * One file, seen from inside.
 */
export type FileEntry = { 
/**
 * Name within its directory; bytes that are not UTF-8 are shown as U+FFFD.
 */
name: string, 
/**
 * Absolute path inside.
 */
path: string, 
/**
 * Kind.
 */
kind: FileKind, 
/**
 * Size, bytes.
 */
size: number, 
/**
 * Permission bits, for example 0o644 as 420.
 */
mode: number, 
/**
 * Owner inside.
 */
uid: number, 
/**
 * Group inside.
 */
gid: number, 
/**
 * Last modification.
 */
modifiedAt: Timestamp, 
/**
 * Target, for links.
 */
linkTarget: string | null, };

/**
 * Kind of a directory entry; links are never followed to tell it.
 */
export type FileKind = "file" | "directory" | "symlink" | "other";

/**
 * One check of the host.
 */
export type Finding = { 
/**
 * Short name, for example `landlock`; the same in every version.
 */
name: string, 
/**
 * What it belongs to.
 */
group: FindingGroup, 
/**
 * Result.
 */
status: FindingStatus, 
/**
 * What was found.
 */
detail: string, 
/**
 * What it is for: the layer or the feature of agents that depends on it.
 */
meaning: string, 
/**
 * The command or setting that fixes it; empty when nothing needs fixing.
 */
fix: string, };

/**
 * What a check belongs to.
 */
export type FindingGroup = "service" | "kernel" | "cgroup" | "settings" | "modules" | "storage" | "limits" | "optional";

/**
 * Result of a check.
 */
export type FindingStatus = "ok" | "skipped" | "warning" | "failure";

/**
 * Files changed through the service.
 */
export type FsChanged = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Path inside.
 */
path: string, 
/**
 * `created`, `modified` or `removed`.
 */
changeType: string, };

/**
 * Copies a file or a directory.
 */
export type FsCp = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * From.
 */
from: string, 
/**
 * To.
 */
to: string, };

/**
 * Lists a directory; answers with `FileEntry[]`.
 */
export type FsLs = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Path inside.
 */
path: string, };

/**
 * Makes a directory.
 */
export type FsMkdir = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Path inside.
 */
path: string, 
/**
 * Make parents as well.
 */
recursive: boolean, };

/**
 * Moves or renames.
 */
export type FsMv = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * From.
 */
from: string, 
/**
 * To.
 */
to: string, };

/**
 * Reads a text file (at most 1 MiB; larger ones through `GET .../files`); answers `{content, size}`.
 */
export type FsRead = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Path inside; relative ones start at the home.
 */
path: string, };

/**
 * Removes a file or directory.
 */
export type FsRm = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Path inside.
 */
path: string, 
/**
 * Remove a directory with all it holds.
 */
recursive: boolean, };

/**
 * One file; answers with a `FileEntry`.
 */
export type FsStat = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Path inside.
 */
path: string, };

/**
 * Writes a text file (whole, through a temporary file and a rename).
 */
export type FsWrite = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Path inside.
 */
path: string, 
/**
 * New content.
 */
content: string, };

/**
 * A goal for the built-in agent.
 */
export type GoalSpec = { 
/**
 * The goal in plain words.
 */
goal: string, 
/**
 * Role shown to people and told to the model, for example `Coder`.
 */
role?: string | null, 
/**
 * `PROVIDER/MODEL`, for example `openai/gpt-5.2`; the first available provider when absent.
 */
model?: string | null, 
/**
 * Steps after which it stops (default 50).
 */
maxSteps?: number | null, 
/**
 * Tools that it has, by name, beside `complete`; all there are when absent.
 */
tools?: Array<string> | null, 
/**
 * Named memory that it uses, shared with the owner's other agents of that name and kept when they are removed; a memory of
 * its own when absent.
 */
memory?: AgentName | null, 
/**
 * Template that brings role, tools and steps where they are absent.
 */
template?: string | null, 
/**
 * Where the words of the goal come from, when from outside: what follows is tainted from the start.
 */
outside?: string | null, };

/**
 * Devices of the host; answers with a list (empty without GPUs).
 */
export type GpuList = Record<symbol, never>;

/**
 * A grant in force.
 */
export type Grant = { 
/**
 * Its number.
 */
id: number, 
/**
 * The secret.
 */
secret: SecretName, 
/**
 * Whose requests.
 */
agent: AgentId, 
/**
 * To which host.
 */
host: string, 
/**
 * Only with this method.
 */
method: string | null, 
/**
 * Only below this path.
 */
path: string | null, 
/**
 * Where it goes.
 */
place: SecretPlace, 
/**
 * Since when.
 */
createdAt: Timestamp, };

/**
 * Lets one agent have a secret added to its requests to one host.
 */
export type GrantSpec = { 
/**
 * The agent: name, id, number or a unique prefix.
 */
agent: string, 
/**
 * The host: one exact name, without a port.
 */
host: string, 
/**
 * The only method; any when absent.
 */
method?: string | null, 
/**
 * What the path has to begin with, as whole parts; any path when absent.
 */
path?: string | null, 
/**
 * Where it goes.
 */
place: SecretPlace, };

/**
 * A text looks like an attempt to give the agent orders.
 */
export type GuardSuspicion = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Number of the step.
 */
step: number, 
/**
 * The tool.
 */
tool: string, 
/**
 * Where it stood: `result` or `arguments`.
 */
place: string, 
/**
 * What was found.
 */
suspicions: Array<Suspicion>, };

/**
 * A header.
 */
export type HeaderPlace = { 
/**
 * Its name, for example `X-Api-Key`.
 */
name: string, };

/**
 * Answer of `GET /health` (public; says nothing about agents beyond counts).
 */
export type HealthInfo = { 
/**
 * `ok`, or `degraded` when the spawner or the store does not answer.
 */
status: string, 
/**
 * Version of the daemon.
 */
version: string, 
/**
 * Seconds since start.
 */
uptime: number, };

/**
 * One layer.
 */
export type IsolationLayer = { 
/**
 * Name, as `--allow-reduced` takes it.
 */
name: string, 
/**
 * Found as expected.
 */
active: boolean, 
/**
 * What has to be found.
 */
expected: string, 
/**
 * What differs; empty when nothing does.
 */
problem: string, 
/**
 * In what the profile is weaker here than the standard one, by intent: no problem of this sandbox, but a smaller promise.
 */
reducedByProfile: Array<string>, 
/**
 * What the kernel said: one fact each, `source: value`.
 */
evidence: Array<string>, };

/**
 * Every layer of one live sandbox, read from the kernel at one moment.
 */
export type IsolationReport = { 
/**
 * Whose.
 */
agent: AgentId, 
/**
 * Its name.
 */
name: AgentName, 
/**
 * The profile it was launched with. Reports of earlier versions have none: they knew only this one.
 */
profile: Profile, 
/**
 * Host pid of PID 1 inside.
 */
pid: number, 
/**
 * Start of that process, in clock ticks since boot: with the pid and the boot it names one process.
 */
startTicks: number, 
/**
 * The boot of the host.
 */
bootId: string, 
/**
 * Kernel of the host.
 */
kernel: string, 
/**
 * Version of the service.
 */
version: string, 
/**
 * When this was read.
 */
at: Timestamp, 
/**
 * Number of the newest audit record at that time.
 */
auditNumber: number, 
/**
 * Hash of that record: who keeps this report can tell whether the audit up to there was changed later.
 */
auditHash: string, 
/**
 * Every layer was found as the profile promises it.
 */
full: boolean, 
/**
 * Every layer, in the order in which they are set up.
 */
layers: Array<IsolationLayer>, };

/**
 * Figures of the service.
 */
export type KernelMetrics = { 
/**
 * Agents with a sandbox.
 */
processCount: number, 
/**
 * CPUs used by all agents together.
 */
cpus: number, 
/**
 * Memory of all agents together, bytes.
 */
memoryBytes: number, 
/**
 * Newest sample of each live agent: number, CPUs, memory in bytes.
 */
agents: [number, number, number][], };

/**
 * The service greets.
 */
export type KernelReady = { 
/**
 * Version of the daemon.
 */
version: string, 
/**
 * Seconds since start.
 */
uptime: number, 
/**
 * Number of the newest event: resume from here.
 */
seq: number, };

/**
 * Stops the service; agents stay. Only for root and group `aether` on the Unix socket and the operator.
 */
export type KernelShutdown = Record<symbol, never>;

/**
 * The service; answers with `SystemStatus`.
 */
export type KernelStatus = Record<symbol, never>;

/**
 * This client missed events.
 */
export type Lagged = { 
/**
 * How many.
 */
missed: number, 
/**
 * Send `events.resume` with this number.
 */
resume: number, 
/**
 * Always [`ErrorCode::Busy`].
 */
code: ErrorCode, };

/**
 * A layer of isolation, by the name that `--allow-reduced` takes.
 */
export type Layer = "user-namespace" | "namespaces" | "network" | "filesystem" | "cgroup" | "memory" | "pids" | "cpu" | "landlock" | "seccomp" | "capabilities";

/**
 * One layer.
 */
export type LayerReport = { 
/**
 * In force.
 */
active: boolean, 
/**
 * How (for example `landlock ABI 7`), or why not.
 */
detail: string, };

/**
 * A letter from one agent to another.
 */
export type Letter = { 
/**
 * Its number, never given twice.
 */
id: number, 
/**
 * Who wrote it.
 */
from: AgentId, 
/**
 * For whom.
 */
to: AgentId, 
/**
 * What it is for.
 */
kind: LetterKind, 
/**
 * The letter that this one answers, or the task it is about.
 */
about?: number | null, 
/**
 * What it says.
 */
content: string, 
/**
 * When it was written.
 */
sentAt: Timestamp, 
/**
 * When it was read; absent: it waits.
 */
readAt?: Timestamp | null, };

/**
 * What a letter is for.
 */
export type LetterKind = "message" | "review_request" | "review_response" | "task_delegate" | "task_accepted" | "task_rejected" | "task_completed" | "status_update" | "knowledge_share";

/**
 * An agent read what another one wrote.
 */
export type LetterRead = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The letter.
 */
messageId: number, };

/**
 * An agent was written to by another one.
 */
export type LetterSent = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The letter.
 */
message: Letter, };

/**
 * Limits of an agent's cgroup and of its files. Absent means the daemon's configured default.
 */
export type Limits = { 
/**
 * Memory, bytes (swap is always 0).
 */
memoryBytes?: number | null, 
/**
 * CPUs, for example `1.5`.
 */
cpus?: number | null, 
/**
 * Processes and threads.
 */
pids?: number | null, 
/**
 * Space that its home may take on disk, bytes.
 */
diskBytes?: number | null, 
/**
 * Files and directories that its home may hold.
 */
inodes?: number | null, 
/**
 * Tokens that its calls through the model gateway may use in all, read and written.
 */
modelTokens?: number | null, };

/**
 * Providers of models; answers with `ProviderStatus[]`.
 */
export type LlmList = Record<symbol, never>;

/**
 * One memory.
 */
export type Memory = { 
/**
 * Its number, never given twice.
 */
id: number, 
/**
 * Its layer.
 */
layer: MemoryLayer, 
/**
 * What is remembered.
 */
content: string, 
/**
 * Words to find it by.
 */
tags: Array<string>, 
/**
 * Weight given to it, 0 to 1.
 */
importance: number, 
/**
 * Weight now: the importance times 0.99 for each day since it was last used.
 */
strength: number, 
/**
 * When it was stored.
 */
createdAt: Timestamp, 
/**
 * When it was last used.
 */
accessedAt: Timestamp, 
/**
 * How often it was recalled.
 */
accesses: number, 
/**
 * When it is forgotten, if that was set.
 */
expiresAt?: Timestamp | null, };

/**
 * Memories were tidied up.
 */
export type MemoryConsolidated = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * How many went, folded into others or forgotten.
 */
removed: number, };

/**
 * Has an agent forget something.
 */
export type MemoryForget = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Number of the memory.
 */
memoryId: number, };

/**
 * An agent forgot something.
 */
export type MemoryForgotten = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The memory.
 */
memoryId: number, };

/**
 * A layer of memory.
 */
export type MemoryLayer = "episodic" | "semantic" | "procedural" | "social";

/**
 * The memories of an agent, the weightiest first, at most 1000; answers with `Memory[]`.
 */
export type MemoryList = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Only of this layer.
 */
layer: MemoryLayer | null, };

/**
 * What an agent remembers, the most fitting first; answers with `Memory[]`. Looking does not make it weigh more.
 */
export type MemoryRecall = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Words to look for; the weightiest memories when absent.
 */
query: string | null, 
/**
 * Only of this layer.
 */
layer: MemoryLayer | null, 
/**
 * Only with all of these tags.
 */
tags: Array<string>, 
/**
 * At most so many: 10 when absent, 1000 at most.
 */
limit: number | null, };

/**
 * Gives a copy of a memory to another agent of the same owner; answers with the `Memory`, which weighs four fifths there.
 */
export type MemoryShare = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Number of the memory.
 */
memoryId: number, 
/**
 * The other agent.
 */
to: AgentRef, };

/**
 * Has an agent remember something; answers with the `Memory`.
 */
export type MemoryStore = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * What to remember.
 */
memory: NewMemory, };

/**
 * An agent remembers something.
 */
export type MemoryStored = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The memory.
 */
memoryId: number, 
/**
 * Its layer.
 */
layer: MemoryLayer, };

/**
 * Whose memory an agent uses.
 */
export type MindInfo = { 
/**
 * Number of the mind, never given twice.
 */
id: number, 
/**
 * Whose it is.
 */
owner: string, 
/**
 * Name under which agents of the same owner use it; absent for the memory of one agent.
 */
name?: AgentName | null, 
/**
 * The one agent that uses it, where it has no name.
 */
agent?: AgentId | null, 
/**
 * Memories held, by layer.
 */
held: Record<string, number>, };

/**
 * A provider of models, by the interface its programs speak.
 */
export type ModelProvider = "openai" | "anthropic" | "gemini" | "ollama";

/**
 * What one model was asked.
 */
export type ModelSpend = { 
/**
 * The model, as `PROVIDER/MODEL`; who looked back at a run when it had ended stands apart, as `PROVIDER/MODEL (looking back)`.
 */
model: string, 
/**
 * Answers.
 */
answers: number, 
/**
 * Tokens.
 */
tokens: number, 
/**
 * Cost, millionths of a US dollar.
 */
costMicrousd: number, };

/**
 * What the calls of one agent to one model in one step came to.
 */
export type ModelUsage = { 
/**
 * Step of the built-in agent during which the calls were made; 0 for programs.
 */
step: number, 
/**
 * The provider.
 */
provider: ModelProvider, 
/**
 * The model, as the request named it.
 */
model: string, 
/**
 * Calls.
 */
calls: number, 
/**
 * Of those, how many got no complete good answer.
 */
failed: number, 
/**
 * Tokens read, as the provider counted them.
 */
inputTokens: number, 
/**
 * Tokens written, as the provider counted them.
 */
outputTokens: number, 
/**
 * Time until the ends of the answers, summed, milliseconds.
 */
latencyMs: number, 
/**
 * Cost in millionths of a US dollar by the configured prices; absent when the model has no price.
 */
costMicrousd: number | null, };

/**
 * The models that the built-in agent can use, and why others cannot be used.
 */
export type ModelsReport = { 
/**
 * What a goal gets that names no model: `PROVIDER/MODEL`, `auto` for the tiers, or `heuristic`.
 */
defaultModel: string, 
/**
 * Models that answer when the one that was wished for cannot, in order.
 */
fallback: Array<string>, 
/**
 * Models by what they can do and cost, for `auto`.
 */
tiers: Array<TierModel>, 
/**
 * Every provider.
 */
providers: Array<ProviderReport>, };

/**
 * Origin of a lent directory.
 */
export type MountSource = { "type": "descriptor" } & DescriptorSource | { "type": "root" } & RootSource;

/**
 * A host directory lent to an agent; inside, its files belong to the agent's user.
 */
export type MountSpec = { 
/**
 * Where it comes from.
 */
source: MountSource, 
/**
 * Absolute directory inside the sandbox.
 */
target: string, 
/**
 * Lend it read-only.
 */
readOnly?: boolean, };

/**
 * A change of a live agent's policy.
 */
export type NetworkChange = { "type": "allow" } & NetworkRule | { "type": "deny" } & NetworkHost | { "type": "preset" } & NetworkPresetName | { "type": "otherwise" } & NetworkRest | { "type": "replace" } & NetworkReplace;

/**
 * A connection or request of an agent was allowed, denied or held. Repetitions are counted, not told one by one.
 */
export type NetworkDecided = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Name or address.
 */
host: string, 
/**
 * Port.
 */
port: number, 
/**
 * What was decided.
 */
verdict: NetworkVerdict, 
/**
 * Why, one line.
 */
reason: string, 
/**
 * How often since the last event of the same kind; at least 1.
 */
count: number, };

/**
 * One destination of an agent.
 */
export type NetworkDestination = { 
/**
 * Name or address.
 */
host: string, 
/**
 * Port.
 */
port: number, 
/**
 * The newest verdict.
 */
verdict: NetworkVerdict, 
/**
 * Why.
 */
reason: string, 
/**
 * Connections and requests allowed.
 */
allowed: number, 
/**
 * Connections and requests denied.
 */
denied: number, 
/**
 * Bytes sent by the agent.
 */
bytesSent: number, 
/**
 * Bytes it got.
 */
bytesReceived: number, 
/**
 * The program that asked for it last, by its path inside, as far as that is known.
 */
program: string | null, 
/**
 * When it was last asked for.
 */
lastAt: Timestamp, };

/**
 * A host.
 */
export type NetworkHost = { 
/**
 * A name, `*.suffix`, or an address.
 */
host: string, };

/**
 * The network of an agent: its policy and what it did with it.
 */
export type NetworkInfo = { 
/**
 * The policy in force.
 */
policy: NetworkMode, 
/**
 * Connections open now.
 */
connections: number, 
/**
 * Destinations asked for, last used first; the last 1024. They are kept until the agent is removed.
 */
destinations: Array<NetworkDestination>, };

/**
 * What an agent's network may reach: `"none"`, `"open"`, or rules.
 */
export type NetworkMode = NetworkWord | NetworkRules;

/**
 * What happens to a destination that no rule names.
 */
export type NetworkOtherwise = "deny" | "ask" | "allow";

/**
 * The network policy of a live agent changed.
 */
export type NetworkPolicyChanged = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The policy now.
 */
policy: NetworkMode, };

/**
 * A list of destinations that comes with the service.
 */
export type NetworkPreset = "pypi" | "npm" | "crates" | "github" | "debian";

/**
 * A preset.
 */
export type NetworkPresetName = { 
/**
 * Its name.
 */
preset: NetworkPreset, };

/**
 * A whole policy.
 */
export type NetworkReplace = { 
/**
 * The policy.
 */
policy: NetworkMode, };

/**
 * What happens to the rest.
 */
export type NetworkRest = { 
/**
 * `deny`, `ask` or `allow`.
 */
otherwise: NetworkOtherwise, };

/**
 * One destination, or several of one suffix.
 */
export type NetworkRule = { 
/**
 * A name, `*.suffix` (its subdomains, not itself), or an address.
 */
host: string, 
/**
 * Ports; 80 and 443 when empty.
 */
ports?: Array<number>, 
/**
 * HTTP methods; every one when empty. A rule that names some covers plain HTTP only: nothing else shows its method.
 */
methods?: Array<string>, 
/**
 * Beginnings of paths, for example `/v1/`; every one when empty. Plain HTTP only, like `methods`.
 */
paths?: Array<string>, 
/**
 * The only program that may connect, by its path inside, for example `/usr/bin/curl`; every one when absent. Keeps apart programs
 * that mean well: one of the same agent that does not can use the other.
 */
program?: string | null, };

/**
 * Which destinations are allowed. A rule never reaches private, link-local, metadata, multicast or host addresses.
 */
export type NetworkRules = { 
/**
 * Destinations allowed.
 */
allow?: Array<NetworkRule>, 
/**
 * Hosts denied, whatever else allows them: exact, or `*.suffix`.
 */
deny?: Array<string>, 
/**
 * Lists of destinations that come with the service.
 */
presets?: Array<NetworkPreset>, 
/**
 * What happens to a destination that nothing names.
 */
otherwise?: NetworkOtherwise, 
/**
 * Hosts whose TLS is opened, as in `deny`: their requests are judged like plain ones. Chosen at the start.
 */
open?: Array<string>, };

/**
 * What was decided about a destination.
 */
export type NetworkVerdict = "allowed" | "denied" | "held";

/**
 * A network without rules of its own.
 */
export type NetworkWord = "none" | "open";

/**
 * Feedback to be recorded; a second one of the same person about the same step replaces the first.
 */
export type NewFeedback = { 
/**
 * The step, from 1.
 */
step: number, 
/**
 * 1 or -1.
 */
rating: number, 
/**
 * In their words.
 */
comment?: string, };

/**
 * A memory to be kept.
 */
export type NewMemory = { 
/**
 * Its layer; `semantic` when absent.
 */
layer?: MemoryLayer, 
/**
 * What is remembered.
 */
content: string, 
/**
 * Words to find it by.
 */
tags?: Array<string>, 
/**
 * Weight, taken into 0 to 1; 0.5 when absent.
 */
importance?: number | null, 
/**
 * Seconds after which it is forgotten.
 */
expiresInSeconds?: number | null, };

/**
 * Where a node of a plan stands.
 */
export type NodeStatus = "pending" | "active" | "completed" | "failed" | "skipped";

/**
 * A plan.
 */
export type Plan = { 
/**
 * Its number, never given twice; 0 before it is stored.
 */
id: number, 
/**
 * What it is for.
 */
goal: string, 
/**
 * Where it stands.
 */
status: PlanStatus, 
/**
 * Its parts.
 */
nodes: Array<PlanNode>, 
/**
 * When it was made.
 */
createdAt: Timestamp, 
/**
 * When it changed last.
 */
updatedAt: Timestamp, };

/**
 * The built-in agent made a plan.
 */
export type PlanCreated = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The plan.
 */
plan: Plan, };

/**
 * The newest plan of an agent; answers with its `Plan`.
 */
export type PlanGet = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * A node of a plan. The status of one with children follows from theirs.
 */
export type PlanNode = { 
/**
 * Place in the tree: `2` is the second root, `2.1` its first child.
 */
id: string, 
/**
 * What is to be done.
 */
title: string, 
/**
 * Where it stands.
 */
status: NodeStatus, 
/**
 * Steps it took, as the agent says.
 */
actualSteps?: number | null, 
/**
 * Parts of it.
 */
children: Array<PlanNode>, };

/**
 * Where a plan stands.
 */
export type PlanStatus = "active" | "completed" | "failed" | "abandoned";

/**
 * Its plan changed.
 */
export type PlanUpdated = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The plan.
 */
plan: Plan, };

/**
 * A policy of the kernel, by which two can be told apart.
 */
export type PolicyDigest = { 
/**
 * Instructions of a filter, lines of a ruleset.
 */
size: number, 
/**
 * SHA-256 of its bytes, in lower-case hexadecimal digits.
 */
sha256: string, };

/**
 * What was found when an agent was frozen.
 */
export type PostMortem = { 
/**
 * When.
 */
at: Timestamp, 
/**
 * Why it was frozen.
 */
why: string, 
/**
 * What it used.
 */
spent: Spent, 
/**
 * Its last steps, one line each, oldest first.
 */
lastSteps: Array<string>, 
/**
 * What each model cost.
 */
byModel: Array<ModelSpend>, 
/**
 * What each tool was used for.
 */
byTool: Array<ToolSpend>, 
/**
 * Files that its tools changed, as far as its calls say; what commands changed is not known.
 */
files: Array<string>, };

/**
 * What was found when an agent was frozen.
 */
export type PostMortemWritten = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * What was found.
 */
postMortem: PostMortem, };

/**
 * A link that lets one browser see one port of one agent.
 */
export type PreviewLink = { 
/**
 * Open it in a browser on the machine of the service. It works once.
 */
url: string, 
/**
 * It works until then.
 */
expiresAt: Timestamp, };

/**
 * Allows, once, the one call or connection of an agent that waits for a person; answers with the `Approval`.
 */
export type ProcessApprove = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * The agent left the queue and starts.
 */
export type ProcessDequeued = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Its priority.
 */
priority: number, };

/**
 * The agent's program ended and nothing of it runs any more.
 */
export type ProcessExit = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * How.
 */
exit: ExitInfo, };

/**
 * The queue in order; answers with `AgentInfo[]`.
 */
export type ProcessGetQueue = Record<symbol, never>;

/**
 * One agent; answers with its `AgentInfo`.
 */
export type ProcessInfo = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * Lists agents; answers with `AgentInfo[]`.
 */
export type ProcessListCommand = { 
/**
 * Also the ended ones.
 */
all: boolean, };

/**
 * Bytes the agent's program printed.
 */
export type ProcessOutput = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Offset of the first byte within its stream.
 */
offset: number, 
/**
 * The bytes as text, as in [`TtyOutput`].
 */
data: string, 
/**
 * Number of bytes that `data` stands for.
 */
bytes: number, };

/**
 * Its priority in the queue changed.
 */
export type ProcessPriorityChanged = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * Priority now.
 */
priority: number, 
/**
 * Priority before.
 */
previousPriority: number, };

/**
 * The agent waits for a free place.
 */
export type ProcessQueued = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * 1 (first) to 5 (last).
 */
priority: number, 
/**
 * Place in the queue, from 1.
 */
position: number, };

/**
 * The agent's record and home were removed.
 */
export type ProcessReaped = { 
/**
 * Number of the agent.
 */
pid: number, };

/**
 * Denies it.
 */
export type ProcessReject = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Why: the built-in agent reads it.
 */
reason: string | null, };

/**
 * Removes the record and home of an ended agent.
 */
export type ProcessRemove = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * Changes the priority of a queued agent.
 */
export type ProcessSetPriority = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * 1 (first) to 5 (last).
 */
priority: number, };

/**
 * Sends a signal to the agent's program (`SIGTERM`, `SIGKILL` ends the whole sandbox, `SIGSTOP`, `SIGCONT`, `SIGINT`, `SIGUSR1`, ...).
 */
export type ProcessSignal = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Name with or without `SIG`.
 */
signal: string, };

/**
 * Deploys an agent; answers with its `AgentInfo`.
 */
export type ProcessSpawnCommand = { 
/**
 * What to deploy. Descriptor mounts need the Unix socket's HTTP API.
 */
config: AgentSpec, };

/**
 * An agent was accepted: it exists from now on.
 */
export type ProcessSpawned = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The agent.
 */
info: AgentInfo, };

/**
 * State or phase changed.
 */
export type ProcessStateChange = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * State now.
 */
state: AgentState, 
/**
 * Phase now.
 */
agentPhase: AgentPhase, };

/**
 * A sandbox profile. `standard` is the strongest; each other one names what it gives up and for which work.
 */
export type Profile = "standard" | "packages" | "browser";

/**
 * What an agent is known for; answers with its `AgentProfile`.
 */
export type ProfileGet = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * Every mind; answers with `MindInfo[]`.
 */
export type ProfileList = Record<symbol, never>;

/**
 * What an agent runs.
 */
export type Program = { "type": "command" } & CommandSpec | { "type": "goal" } & GoalSpec;

/**
 * A provider of models as it was found.
 */
export type ProviderReport = { 
/**
 * Name as in `PROVIDER/MODEL`.
 */
name: string, 
/**
 * What it speaks: `chat`, `responses`, `anthropic`, `gemini`, `ollama`, or `rules` for what is built in.
 */
interface: string, 
/**
 * Whether it can be asked.
 */
state: ProviderState, 
/**
 * Why not, and what to do; or what there is to know. May be empty.
 */
detail: string, 
/**
 * Model for goals that name the provider alone.
 */
defaultModel: string, 
/**
 * Its default model takes images.
 */
images: boolean, 
/**
 * The models that it lists; empty when it was not asked or lists none.
 */
models: Array<string>, };

/**
 * Whether a provider of models can be asked by the built-in agent.
 */
export type ProviderState = "available" | "limited" | "resting" | "noKey" | "refused" | "unreachable" | "failing" | "unusable" | "notSetUp";

/**
 * A provider of models.
 */
export type ProviderStatus = { 
/**
 * Name as in `PROVIDER/MODEL`.
 */
name: string, 
/**
 * Can be used now.
 */
available: boolean, 
/**
 * Default model, or why it cannot be used.
 */
detail: string, };

/**
 * A parameter of the query.
 */
export type QueryPlace = { 
/**
 * Its name, for example `key`.
 */
name: string, };

/**
 * A look back at one run.
 */
export type Reflection = { 
/**
 * The agent.
 */
agent: AgentId, 
/**
 * When.
 */
at: Timestamp, 
/**
 * `completed` or `failed`.
 */
outcome: string, 
/**
 * 1 to 5 as the model rated it; absent when no model did.
 */
rating?: number | null, 
/**
 * What the model said of it, or why there is no rating.
 */
summary: string, };

/**
 * A run was looked back at.
 */
export type ReflectionStored = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * What came of it.
 */
reflection: Reflection, };

/**
 * The public key that reports are signed with.
 */
export type ReportKey = { 
/**
 * `ed25519`.
 */
algorithm: string, 
/**
 * 32 bytes in lower-case hexadecimal digits.
 */
publicKey: string, };

/**
 * A limit is used up: the agent is frozen.
 */
export type ResourceExceeded = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The limit.
 */
line: BudgetLine, };

/**
 * What an agent may use up and what it used; answers with its `AgentBudget`.
 */
export type ResourceGetQuota = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * The newest figures of every live agent; answers with `KernelMetrics`.
 */
export type ResourceGetSummary = Record<symbol, never>;

/**
 * What an agent used up; answers with a `Spent`.
 */
export type ResourceGetUsage = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * Sets the limits of an agent, all of them; answers with its `AgentBudget`. One that was frozen goes on when nothing is used up.
 */
export type ResourceSetQuota = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * The limits.
 */
quota: Budget, };

/**
 * Answer to a command.
 */
export type Response = { "type": "response.ok" } & ResponseOk | { "type": "response.error" } & ResponseError;

/**
 * Refused or failed.
 */
export type ResponseError = { 
/**
 * Id of the command; empty when the frame had none.
 */
id: string, 
/**
 * The cause.
 */
error: string, 
/**
 * Kind of failure.
 */
code: ErrorCode, 
/**
 * What to do.
 */
hint: string, };

/**
 * Done.
 */
export type ResponseOk = { 
/**
 * Id of the command.
 */
id: string, 
/**
 * What the command answers with.
 */
data?: unknown, };

/**
 * A directory below a configured root.
 */
export type RootSource = { 
/**
 * Absolute host path.
 */
path: string, };

/**
 * What a rule says about the calls that it matches.
 */
export type RuleEffect = "allow" | "ask" | "deny";

/**
 * A small true picture of an agent's screen: the text cells of its terminal, or its last lines.
 */
export type Screen = { 
/**
 * Columns of the terminal.
 */
cols: number, 
/**
 * Rows of the terminal.
 */
rows: number, 
/**
 * Text of each row from the top, trailing blanks removed.
 */
lines: Array<string>, 
/**
 * Changes with every change of the picture.
 */
version: number, };

/**
 * A secret as people see it.
 */
export type SecretInfo = { 
/**
 * Its name.
 */
name: SecretName, 
/**
 * How often it was set.
 */
version: number, 
/**
 * When it was set first.
 */
createdAt: Timestamp, 
/**
 * When it was set last.
 */
updatedAt: Timestamp, 
/**
 * What it may be used for.
 */
grants: Array<Grant>, 
/**
 * Requests it was added to, ever.
 */
timesUsed: number, 
/**
 * Whose requests these were, last used first; the last 32 agents.
 */
usedBy: Array<SecretUsed>, };

/**
 * Name of a secret: `[A-Za-z_][A-Za-z0-9_-]{0,63}`, for example `GITHUB_TOKEN`.
 */
export type SecretName = string;

/**
 * Where in a request a secret goes.
 */
export type SecretPlace = { "type": "bearer", } | { "type": "header" } & HeaderPlace | { "type": "basic" } & BasicPlace | { "type": "query" } & QueryPlace;

/**
 * A secret that an agent may use from its start: granted in the same step in which the agent is recorded.
 */
export type SecretUse = { 
/**
 * The secret.
 */
name: SecretName, 
/**
 * The variable that its programs find the placeholder in; the secret's name when absent.
 */
env?: SecretName | null, 
/**
 * The host: one exact name, without a port.
 */
host: string, 
/**
 * The only method; any when absent.
 */
method?: string | null, 
/**
 * What the path has to begin with, as whole parts; any path when absent.
 */
path?: string | null, 
/**
 * Where it goes; a bearer token when absent.
 */
place?: SecretPlace, };

/**
 * An agent that used a secret. It may be gone.
 */
export type SecretUsed = { 
/**
 * The agent.
 */
agent: AgentId, 
/**
 * Its name when it used the secret.
 */
name: string, 
/**
 * Requests of its that the secret was added to.
 */
times: number, 
/**
 * When it was added last.
 */
lastAt: Timestamp, };

/**
 * A report with its signature: what `aether inspect --isolation --json` prints and `aether verify-report` checks.
 *
 * The signature is Ed25519 over the canonical JSON (no blanks, sorted keys) of `report`.
 */
export type SignedReport = { 
/**
 * What was found.
 */
report: IsolationReport, 
/**
 * The service's public key: 32 bytes in lower-case hexadecimal digits.
 */
publicKey: string, 
/**
 * 64 bytes in lower-case hexadecimal digits.
 */
signature: string, };

/**
 * What was used up.
 */
export type Spent = { 
/**
 * Tokens of models, read and written.
 */
tokens: number, 
/**
 * Cost of models, millionths of a US dollar.
 */
costMicrousd: number, 
/**
 * Steps of the built-in agent.
 */
steps: number, 
/**
 * Time that it was not paused, milliseconds.
 */
wallMs: number, 
/**
 * CPU time, milliseconds.
 */
cpuMs: number, 
/**
 * Bytes sent out of the machine.
 */
bytesOut: number, };

/**
 * Frames that only travel on a connection and are not numbered.
 */
export type StreamFrame = { "type": "kernel.ready" } & KernelReady | { "type": "kernel.metrics" } & KernelMetrics | { "type": "agent.delta" } & AgentDelta | { "type": "tty.output" } & TtyOutput | { "type": "process.stdout" } & ProcessOutput | { "type": "process.stderr" } & ProcessOutput | { "type": "lagged" } & Lagged;

/**
 * A place in a text that looks like an attempt to give the agent orders.
 */
export type Suspicion = { 
/**
 * What kind of attempt, in words.
 */
kind: string, 
/**
 * The place, cut to one line.
 */
excerpt: string, };

/**
 * Answer of `GET /api/v1/system/status`.
 */
export type SystemStatus = { 
/**
 * Version of the daemon.
 */
version: string, 
/**
 * Seconds since start.
 */
uptime: number, 
/**
 * Started at.
 */
startedAt: Timestamp, 
/**
 * Host name.
 */
hostname: string, 
/**
 * Kernel release.
 */
kernel: string, 
/**
 * Agents that have a sandbox.
 */
live: number, 
/**
 * Agents in the queue.
 */
queued: number, 
/**
 * Agents ended and not removed.
 */
ended: number, 
/**
 * Highest number of agents at a time.
 */
maxConcurrent: number, 
/**
 * Online CPUs of the host.
 */
cpus: number, 
/**
 * Load averages over 1, 5 and 15 minutes (`/proc/loadavg`).
 */
load: [number, number, number], 
/**
 * Memory of the host, bytes.
 */
memoryTotalBytes: number, 
/**
 * Memory available on the host, bytes.
 */
memoryAvailableBytes: number, 
/**
 * Size of the file system that holds the state, bytes.
 */
diskTotalBytes: number, 
/**
 * Free on it, bytes.
 */
diskFreeBytes: number, 
/**
 * Providers of models: name and whether it can be used.
 */
providers: Array<ProviderStatus>, };

/**
 * A template: what an agent of one kind is, can do, and is good for. It grants nothing: limits, network and directories are asked for
 * by whoever starts the agent.
 */
export type Template = { 
/**
 * Name to start it by; the file's name without `.toml`.
 */
id: string, 
/**
 * Name shown to people.
 */
name: string, 
/**
 * One sentence.
 */
description: string, 
/**
 * `development`, `research`, `data`, `creative`, `ops`, or a word of your own.
 */
category: string, 
/**
 * Role told to the model.
 */
role: string, 
/**
 * How it works, told to the model.
 */
instructions: string, 
/**
 * The tools it may use.
 */
tools: Array<string>, 
/**
 * Steps after which it stops.
 */
maxSteps: number, 
/**
 * Words to find it by.
 */
tags: Array<string>, 
/**
 * Goals it was made for; the first one is the worked example.
 */
goals: Array<string>, 
/**
 * Where it comes from: `built-in`, or the file.
 */
source: string, };

/**
 * Every template, by name; answers with `Template[]`.
 */
export type TemplateList = Record<symbol, never>;

/**
 * A tier and its model.
 */
export type TierModel = { 
/**
 * `flash`, `standard` or `frontier`.
 */
tier: string, 
/**
 * `PROVIDER/MODEL`.
 */
model: string, };

/**
 * A point in time: RFC 3339 in UTC with milliseconds, for example `2026-11-20T19:54:00.123Z`.
 *
 * Only shown to people; order and time-outs never depend on it (clocks jump).
 */
export type Timestamp = string;

/**
 * A rule about calls of the built-in agent. It matches when everything that it names matches; the first match of a list counts.
 *
 * Rules that ask or deny match widely: one about a file tool or a path covers every tool that can do the same, and commands, which
 * can do anything, are held for it. Rules that allow match exactly what they say.
 */
export type ToolRule = { 
/**
 * What happens to the call.
 */
then: RuleEffect, 
/**
 * Name of a tool; `*` stands for any text.
 */
tool?: string | null, 
/**
 * A command line; `*` stands for any text.
 */
command?: string | null, 
/**
 * An absolute path inside, or one that begins with `~`; `*` stands for a name or a part of one, `**` for any path.
 */
path?: string | null, 
/**
 * A destination: a host, or `*.suffix`.
 */
host?: string | null, 
/**
 * Text in any argument; `*` stands for any text.
 */
argument?: string | null, 
/**
 * Only when the agent has read something from outside (`true`), or only when it has not (`false`).
 */
tainted?: boolean | null, 
/**
 * Shown to whoever decides, and told to the agent when the call is denied.
 */
reason?: string | null, };

/**
 * How often a tool was used.
 */
export type ToolSpend = { 
/**
 * The tool.
 */
tool: string, 
/**
 * Calls.
 */
calls: number, 
/**
 * Of those, how many failed.
 */
failed: number, };

/**
 * One of them.
 */
export type TreeNode = { 
/**
 * Generations below the first one.
 */
depth: number, 
/**
 * The agent.
 */
agent: AgentInfo, 
/**
 * What it used itself.
 */
spent: Spent, 
/**
 * What its live children may still use of its budget.
 */
lent: Spent, };

/**
 * Says that this client has shown output up to an offset; the service never runs more than 1 MiB ahead.
 */
export type TtyAck = { 
/**
 * The terminal.
 */
ttyId: TtyId, 
/**
 * Offset after the last byte shown.
 */
offset: number, };

/**
 * Attaches this connection to a terminal from an offset; `tty.output` frames follow. Answers with `TtyInfo`.
 */
export type TtyAttach = { 
/**
 * The terminal.
 */
ttyId: TtyId, 
/**
 * First byte wanted; the oldest one held when absent.
 */
from: number | null, };

/**
 * Hangs a terminal up: its programs get SIGHUP, then SIGKILL.
 */
export type TtyClose = { 
/**
 * The terminal.
 */
ttyId: TtyId, };

/**
 * A terminal's program ended.
 */
export type TtyClosed = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The terminal.
 */
ttyId: TtyId, };

/**
 * Ends this connection's `tty.output` frames for a terminal.
 */
export type TtyDetach = { 
/**
 * The terminal.
 */
ttyId: TtyId, };

/**
 * A terminal: `<agent id>.<n>`, `n` counted by the agent's init and never reused within the agent.
 */
export type TtyId = string;

/**
 * A terminal.
 */
export type TtyInfo = { 
/**
 * Its id.
 */
ttyId: TtyId, 
/**
 * Number of its agent.
 */
pid: number, 
/**
 * Columns.
 */
cols: number, 
/**
 * Rows.
 */
rows: number, 
/**
 * The program, for people.
 */
title: string, 
/**
 * Opened at.
 */
openedAt: Timestamp, 
/**
 * Bytes printed so far: the offset the next output has.
 */
offset: number, 
/**
 * Offset of the oldest byte still held for scrollback.
 */
oldest: number, 
/**
 * Its program has ended.
 */
closed: boolean, };

/**
 * Types into a terminal.
 */
export type TtyInput = { 
/**
 * The terminal.
 */
ttyId: TtyId, 
/**
 * Keys.
 */
data: string, };

/**
 * The terminals of an agent; answers with `TtyInfo[]`.
 */
export type TtyList = { 
/**
 * The agent.
 */
pid: AgentRef, };

/**
 * Opens a terminal with a login shell (or `argv`) and attaches this connection; answers with `TtyInfo`.
 */
export type TtyOpen = { 
/**
 * The agent.
 */
pid: AgentRef, 
/**
 * Columns (default 120).
 */
cols: number | null, 
/**
 * Rows (default 36).
 */
rows: number | null, 
/**
 * Program; a login shell when empty.
 */
argv: Array<string>, 
/**
 * Environment added.
 */
env: { [key in string]: string }, };

/**
 * A terminal was opened.
 */
export type TtyOpened = { 
/**
 * Number of the agent.
 */
pid: number, 
/**
 * The terminal.
 */
tty: TtyInfo, };

/**
 * Bytes a terminal printed.
 */
export type TtyOutput = { 
/**
 * The terminal.
 */
ttyId: TtyId, 
/**
 * Offset of the first byte; bytes between the last offset and this one were lost (scrollback overflow).
 */
offset: number, 
/**
 * The bytes as text; incomplete UTF-8 at the end is kept back for the next frame, invalid bytes become U+FFFD.
 */
data: string, 
/**
 * Number of bytes that `data` stands for.
 */
bytes: number, };

/**
 * Changes a terminal's size.
 */
export type TtyResize = { 
/**
 * The terminal.
 */
ttyId: TtyId, 
/**
 * Columns, 2 to 1000.
 */
cols: number, 
/**
 * Rows, 1 to 500.
 */
rows: number, };

/**
 * Host uids (and gids) that belong to one agent.
 */
export type UidRange = { 
/**
 * First host uid; 0 inside.
 */
start: number, 
/**
 * How many.
 */
size: number, };

/**
 * Resources, read from the agent's cgroup.
 */
export type Usage = { 
/**
 * CPU time used, microseconds.
 */
cpuUsec: number, 
/**
 * CPUs in use over the last sampling interval (1.0 = one whole CPU).
 */
cpus: number, 
/**
 * Memory now, bytes.
 */
memoryBytes: number, 
/**
 * Highest memory so far, bytes.
 */
memoryPeakBytes: number, 
/**
 * Memory limit, bytes.
 */
memoryLimitBytes: number | null, 
/**
 * Processes and threads now.
 */
pids: number, 
/**
 * Limit of processes and threads.
 */
pidsLimit: number | null, };
