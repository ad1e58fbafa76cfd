/** What an error of the AWS SDK means for a user. The SDK itself is not loaded here. */

import { codeOf, messageOf, TemporaryError, UserError } from '../errors.ts';

/** One thing that was asked of S3. */
export interface S3Call {
  /** The permission it needs, as an IAM policy names it. */
  readonly action: 's3:ListBucket' | 's3:GetObject' | 's3:PutObject' | 's3:DeleteObject';
  readonly uri: string;
  readonly bucket: string;
}

/** Error codes of https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList */
const REASONS: Readonly<Record<string, (call: S3Call) => string>> = {
  NoSuchBucket: ({ bucket }) => `no bucket ${bucket}`,
  NoSuchKey: () => 'no such object',
  NotFound: () => 'no such object',
  AccessDenied: ({ action }) => `access denied: these credentials may not ${action} here`,
  Forbidden: ({ action }) => `access denied: these credentials may not ${action} here`,
  AllAccessDisabled: () => 'all access to this bucket has been switched off by its owner',
  InvalidObjectState: () => 'the object is archived (Glacier): it must be restored before it can be read',
  ExpiredToken: () => 'the credentials have expired: renew them and run the same command again',
  ExpiredTokenException: () => 'the credentials have expired: renew them and run the same command again',
  TokenRefreshRequired: () => 'the credentials have expired: renew them and run the same command again',
  InvalidToken: () => 'the session token of the credentials is not valid',
  InvalidAccessKeyId: () => 'the access key id of the credentials is unknown to S3',
  SignatureDoesNotMatch: () => 'the secret key of the credentials does not fit their access key id',
  RequestTimeTooSkewed: () => 'the clock of this machine is more than 15 minutes off',
  PermanentRedirect: () =>
    'the bucket lies in another region: give it with --region, or leave --endpoint out',
  AuthorizationHeaderMalformed: () => 'the bucket lies in another region: give it with --region',
  IllegalLocationConstraintException: () => 'the bucket lies in another region: give it with --region',
  InvalidBucketName: ({ bucket }) => `expected a bucket name, found ${JSON.stringify(bucket)}`,
  CredentialsProviderError: () =>
    'found no AWS credentials: set AWS_PROFILE, give --profile, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
};

const TEMPORARY = new Set([
  'SlowDown',
  'ServiceUnavailable',
  'InternalError',
  'RequestTimeout',
  'RequestTimeoutException',
  'Throttling',
  'ThrottlingException',
  'TooManyRequestsException',
  'RequestLimitExceeded',
  'BandwidthLimitExceeded',
  'OperationAborted',
  'TimeoutError',
  'NetworkingError',
  'ECONNRESET',
  'ECONNREFUSED',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ERR_STREAM_PREMATURE_CLOSE',
  'UND_ERR_SOCKET',
]);

interface SdkError {
  readonly name?: string;
  readonly Code?: string;
  readonly message?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
}

/** The name an error goes by: S3's code, else the SDK's, else Node's. */
export function errorName(error: unknown): string {
  const { Code, name } = (error ?? {}) as SdkError;
  const code = codeOf(error);
  if (Code !== undefined) return Code;
  return name !== undefined && name !== 'Error' && name !== 'TypeError' ? name : (code ?? 'Error');
}

/** Whether the same request may succeed a moment later: throttling, a fault of the server, a broken connection. */
export function isTemporary(error: unknown): boolean {
  const status = statusOf(error);
  const code = codeOf(error);
  if (TEMPORARY.has(errorName(error)) || (code !== undefined && TEMPORARY.has(code))) return true;
  return status === 429 || (status !== undefined && status >= 500);
}

function statusOf(error: unknown): number | undefined {
  return ((error ?? {}) as SdkError).$metadata?.httpStatusCode;
}

/** The error as the user should read it; errors that already are one pass, and so do those of an abort. */
export function s3Error(error: unknown, call: S3Call): unknown {
  if (error instanceof UserError) return error;
  const name = errorName(error);
  const cause = { cause: error };
  if (isTemporary(error)) {
    return new TemporaryError(
      `${call.uri}: S3 cannot be reached or is busy (${name}: ${messageOf(error)}); try again`,
      cause,
    );
  }
  const status = statusOf(error);
  // A HEAD request has no body, so only the status tells.
  const reason =
    REASONS[name] ??
    (status === 403
      ? REASONS['AccessDenied']
      : status === 404
        ? REASONS['NoSuchKey']
        : status === 301
          ? REASONS['PermanentRedirect']
          : undefined);
  if (reason !== undefined) return new UserError(`${call.uri}: ${reason(call)}`, cause);
  if (codeOf(error) === 'ENOTFOUND')
    return new UserError(`${call.uri}: no such host: check --endpoint, --region and the network`, cause);
  return new UserError(`${call.uri}: S3 answered ${name}: ${messageOf(error)}`, cause);
}
