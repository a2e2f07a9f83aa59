import { secp256k1 } from '@noble/curves/secp256k1';
import { keccak_256 } from '@noble/hashes/sha3';
import type { Authorization } from './x402';

/** The token that a payment moves, as its signatures name it (EIP-712). */
export interface TokenDomain {
  name: string;
  version: string;
  chainId: bigint;
  /** The token's contract. */
  asset: string;
}

const text = (value: string): Uint8Array => keccak_256(Buffer.from(value));
const DOMAIN_TYPE = text('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)');
const TRANSFER_TYPE = text(
  'TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)',
);

/** A number, an address or 32 bytes as one word of 32 bytes. @param value less than 2^256 */
const word = (value: bigint | string): Uint8Array => Buffer.from(BigInt(value).toString(16).padStart(64, '0'), 'hex');

const hashOf = (...words: Uint8Array[]): Uint8Array => keccak_256(Buffer.concat(words));

/** What a payer signs: the EIP-712 digest of an EIP-3009 authorization. */
export function authorizationDigest(domain: TokenDomain, authorization: Authorization): Uint8Array {
  const { from, to, value, validAfter, validBefore, nonce } = authorization;
  const separator = hashOf(
    DOMAIN_TYPE,
    text(domain.name),
    text(domain.version),
    word(domain.chainId),
    word(domain.asset),
  );
  const transfer = hashOf(
    TRANSFER_TYPE,
    word(from),
    word(to),
    // Texts of decimal digits.
    word(BigInt(value)),
    word(BigInt(validAfter)),
    word(BigInt(validBefore)),
    word(nonce),
  );
  return hashOf(Buffer.from([0x19, 0x01]), separator, transfer);
}

/**
 * The address whose key made a signature, in lower case; null: it is no signature that a token would take. Those with the
 * larger of the two possible `s` are refused, as tokens do: else everybody could make a second one out of a first.
 * @param signature 65 bytes as 0x and hexadecimal digits: r, s and v
 */
export function recoverSigner(digest: Uint8Array, signature: string): string | null {
  const bytes = Buffer.from(signature.slice(2), 'hex');
  const recovery = (bytes[64] ?? 0) - 27;
  if (bytes.length !== 65 || (recovery !== 0 && recovery !== 1)) return null;
  try {
    const parsed = secp256k1.Signature.fromCompact(bytes.subarray(0, 64)).addRecoveryBit(recovery);
    if (parsed.hasHighS()) return null;
    const publicKey = parsed.recoverPublicKey(digest).toRawBytes(false);
    return `0x${Buffer.from(keccak_256(publicKey.subarray(1)).subarray(-20)).toString('hex')}`;
  } catch {
    return null;
  }
}
