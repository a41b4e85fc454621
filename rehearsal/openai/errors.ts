/** Error body of OpenAI's API. */
export interface OpenAiError {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

const TYPES: Record<number, readonly [type: string, code: string | null, message: string]> = {
  400: ['invalid_request_error', null, 'The request is invalid.'],
  401: ['invalid_request_error', 'invalid_api_key', 'Incorrect API key provided.'],
  404: ['invalid_request_error', 'model_not_found', 'The model does not exist.'],
  429: ['requests', 'rate_limit_exceeded', 'Rate limit reached. Please try again later.'],
  503: ['server_error', 'overloaded', 'The engine is currently overloaded.'],
};

export function openAiError(
  status: number,
  message?: string,
  param: string | null = null,
): OpenAiError {
  const [type, code, text] = TYPES[status] ?? [
    'server_error',
    null,
    'The server had an error while processing your request. Sorry about that!',
  ];
  return { error: { message: message ?? text, type, param, code } };
}
