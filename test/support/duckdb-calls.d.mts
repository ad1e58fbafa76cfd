type Go = (sql?: string) => Promise<unknown>;
export function interceptCalls(hook: (sql: string, go: Go) => Promise<unknown>): () => void;
