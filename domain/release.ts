/**
 * Where the release of what a full pause or a suspension held back stands (dashboard.md §8.5): under way, through,
 * stopped by another full pause, or ended with the account's own access.
 */
export type ReleaseStage = 'releasing' | 'done' | 'repaused' | 'ended';
