import { guards } from './001-guards';
import type { Migration } from './migration';

/** Every migration in its order: the place in the list is the number. */
export const MIGRATIONS: readonly Migration[] = [guards];

/** The version of a database that this code works on. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/**
 * SHA-256 of each migration's source, in their order; a test compares. What was applied is recorded with it: a
 * migration that is changed after that is refused, because some databases would have had the one and some the other.
 */
export const CHECKSUMS: readonly string[] = ['55893391663112bd53dda63ab908a7669c8c765e7db1544975885ed5b4ec31ba'];
