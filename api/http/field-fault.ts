import { AppError } from '../../contract/errors';

/** VALIDATION_ERROR about one field of the body. */
export function fieldFault(field: string, fault: string): AppError {
  return new AppError('VALIDATION_ERROR', { formErrors: [], fieldErrors: { [field]: [fault] } });
}
