/** True for the paths that belong to the owners' dashboard: its cookies, its CORS list and its headers stand there. */
export function isDashboardPath(path: string): boolean {
  return path === '/dashboard' || path.startsWith('/dashboard/');
}
