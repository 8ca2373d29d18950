export { browser, type Environment } from "./environment";
export {
  type Bot,
  createSession,
  deleteSession,
  exportSession,
  listBots,
  renameSession,
  RequestError,
  type RequestOptions,
} from "./http";
export type * from "./protocol";
export { reduce } from "./reducer";
export { fragmentOf, fromFragment, type SavedSession, Sessions } from "./sessions";
export {
  type Asked,
  type Connection,
  type ConnectionStatus,
  EMPTY,
  type Notice,
  type Pending,
  type Reply,
  type State,
  type Turn,
} from "./state";
export { Chat, type ChatOptions, openChat } from "./store";
export { type Entry, thread } from "./view";
