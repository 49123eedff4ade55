export async function printStudy(_: unknown): Promise<void> {}
