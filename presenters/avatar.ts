/** The absolute URL of a picture, null when none is set. A change of image is a change of URL. */
export function avatarUrl(key: string | null, publicBaseUrl: string): string | null {
  return key === null ? null : `${publicBaseUrl}/avatars/${key}`;
}
