export { accountDeletion } from './account-deletion';
export { recovery } from './recovery';
export { registration } from './registration';
export { rotation } from './rotation';
