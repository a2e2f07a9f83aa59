export { accountDeletion } from './account-deletion';
export { enforcement } from './enforcement';
export { groupDeletion } from './group-deletion';
export { recovery } from './recovery';
export { registration } from './registration';
export { rotation } from './rotation';
export { housekeeping } from './housekeeping';
export { webhook } from './webhook';
