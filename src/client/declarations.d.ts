// Made by 'npm run build:client' from the client's sources.
/**
* The protocol's frames as one union, terminal members last, with the wire's own names: encoding one is nothing but
* JSON. Types alone, so that a client can have them without the service; `schemas.ts` holds the same as schemas.
*/
export type Frame = StatusFrame | TokenFrame | UsageFrame | PredictionFrame | ErrorFrame;
/** A module starts, ends or waits. The first one leaves before any model has answered. */
export type StatusFrame = {
	type: "status";
	/** A sentence for people. */
	message: string;
	module: string;
	phase: "start" | "end" | "waiting";
};
/** A piece of a field, as the model writes it. */
export type TokenFrame = {
	type: "token";
	field: string;
	predictor: string;
	/** From the second call of the predictor in one run on: 2, 3, … */
	call?: number | undefined;
	/** A field's chunks joined are its value, character for character. */
	chunk: string;
	/** True on exactly one frame of a field: its last. Its chunk may be empty. */
	is_last: boolean;
};
/** What a call took. Only if included, and only where the upstream tells. */
export type UsageFrame = {
	type: "usage";
	predictor: string;
	call?: number | undefined;
	model: string;
	input_tokens: number;
	output_tokens: number;
	first_token_ms: number;
	duration_ms: number;
};
/** The run succeeded, and this is its result. */
export type PredictionFrame = {
	type: "prediction";
	/** Every output field of the predictor that the program ended with, in order. */
	data: Record<string, string>;
	/** The predictors whose model stopped at its token limit, if any did. */
	truncated?: string[] | undefined;
};
/** The run failed. */
export type ErrorFrame = {
	type: "error";
	/** What went wrong, for programs. */
	code: string;
	/** What went wrong and what to change, for people. */
	message: string;
	/** Whether the same question may succeed later. */
	retryable: boolean;
	request_id: string;
	/** The predictor whose call failed, where it was one. */
	predictor?: string | undefined;
	/** Seconds to wait, where the upstream said so. */
	retry_after?: number | undefined;
};

/** What a program says of itself before it runs: all that a board, a page or any front end needs for its lanes. */
export type ProgramDescription = {
	/** In the order in which the program declares them. */
	predictors: PredictorDescription[];
};
export type PredictorDescription = {
	/** As token frames name it. */
	predictor: string;
	/** The module that it belongs to, as status frames name it. */
	module: string;
	/** The fields that it streams, in order, without `reasoning`. */
	fields: string[];
	/** Whether it writes the field `reasoning` first, which streams only where it is included. */
	reasons: boolean;
	/** The predictors that put out its input fields, so those that end before it begins. */
	waits_for: string[];
	/** What its module says when it starts and ends. */
	status?: {
		start: string;
		end: string;
	} | undefined;
};

/** How asking can fail, beyond the error frame that a run itself may end in. */
/** One fault of a refused body: a JSON pointer into it, and what to change there. */
export type Fault = {
	readonly pointer: string;
	readonly detail: string;
};
/** The service refused the question before any stream. Its message says what to change. */
export declare class RefusedError extends Error {
	override readonly name = "RefusedError";
	readonly status: number;
	/** Such as `bad_body` or `too_many_streams`. */
	readonly code: string;
	readonly faults: readonly Fault[];
	/** Seconds until asking again makes sense, where the service said so. */
	readonly retryAfter: number | undefined;
	constructor(message: string, details: {
		status: number;
		code: string;
		faults?: readonly Fault[];
		retryAfter?: number | undefined;
	});
}
/** What answered isn't this service: neither a stream of events nor a refusal. */
export declare class NotTheServiceError extends Error {
	override readonly name = "NotTheServiceError";
}
/** The stream ended without `[DONE]`: what came is real, but not all of it. */
export declare class IncompleteStreamError extends Error {
	override readonly name = "IncompleteStreamError";
}

/**
* Frames -> the state of a run, so that whatever shows it only renders. A reducer without a clock of its own: the
* caller says when each frame came.
*/
/**
* Where a lane stands: `pending` until the lanes it waits for are done, `waiting` for its model, `streaming`, and
* then `done`, `failed` (the run's error is its), or `stopped` (the run ended before it did).
*/
export type LanePhase = "pending" | "waiting" | "streaming" | "done" | "failed" | "stopped";
export type FieldState = {
	readonly text: string;
	readonly isClosed: boolean;
};
/** One call of one predictor. Times are the caller's, in milliseconds. */
export type Lane = {
	readonly predictor: string;
	/** From 1. */
	readonly call: number;
	readonly module: string;
	readonly phase: LanePhase;
	/** What the service last said of its module, such as that it waits, or the start message. */
	readonly message: string | undefined;
	/** The fields' texts, in the order in which they are expected or came. */
	readonly fields: Readonly<Record<string, FieldState>>;
	readonly waitsFor: readonly string[];
	readonly startedAt: number | undefined;
	readonly firstTokenAt: number | undefined;
	readonly endedAt: number | undefined;
	readonly usage: UsageFrame | undefined;
};
export type RunPhase = "running" | "done" | "failed" | "stopped" | "incomplete";
export type RunState = {
	readonly phase: RunPhase;
	readonly lanes: readonly Lane[];
	readonly startedAt: number;
	readonly endedAt: number | undefined;
	readonly prediction: Readonly<Record<string, string>> | undefined;
	/** Predictors whose model ran into its token limit. */
	readonly truncated: readonly string[];
	readonly error: ErrorFrame | undefined;
};
/** The state of a run that has just been asked for. */
export declare function startRun(program: ProgramDescription, at: number): RunState;
/**
* The state after one more frame.
*
* @param at when it came, in milliseconds of the caller's clock
*/
export declare function reduceRun(state: RunState, frame: Frame, at: number): RunState;
/**
* The state of a run that is over: what still was under way has stopped. After a prediction or an error the reducer
* does this itself; `stopped` and `incomplete` are the caller's to say.
*/
export declare function endRun(state: RunState, phase: Exclude<RunPhase, "running">, at: number): RunState;

export type Asking = {
	/** The service's address, such as `http://127.0.0.1:8000`. */
	readonly url: string | URL;
	readonly question: string;
	/** Where the service wants a key. It goes into a header, never into the address. */
	readonly apiKey?: string | undefined;
	/** Extra frames. */
	readonly include?: readonly ("reasoning" | "usage")[] | undefined;
	/** Ends the run: the service aborts its models. */
	readonly signal?: AbortSignal | undefined;
	/** In place of the global one. */
	readonly fetch?: typeof globalThis.fetch | undefined;
	/** Called with the text of each event as it came, `[DONE]` and frames of unknown types included. */
	readonly onEvent?: ((data: string) => void) | undefined;
};
/**
* Streams a run.
*
* @returns its frames as they come; the last is a prediction or an error
* @throws RefusedError, NotTheServiceError, IncompleteStreamError; what `fetch` throws when nothing answers; the
*   signal's reason when it aborts
*/
export declare function streamRun(asking: Asking): AsyncGenerator<Frame, void, undefined>;
/**
* Asks what the service's program consists of.
*
* @throws NotTheServiceError, RefusedError; what `fetch` throws when nothing answers
*/
export declare function describeProgram({ url, apiKey, signal, fetch }: Pick<Asking, "url" | "apiKey" | "signal" | "fetch">): Promise<ProgramDescription>;
export {};
