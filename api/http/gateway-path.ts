/** True for the paths of the chat gateway, also for those that no route answers. */
export function isGatewayPath(path: string): boolean {
  return /^\/(api|agents|teams)(\/|$)/.test(path);
}
