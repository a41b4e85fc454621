import { z } from 'zod';
import type { DeskMessage } from '../desk/desk.ts';
import type { Tool } from '../desk/tools.ts';

const ContentPart = z.looseObject({ type: z.string(), text: z.string().optional() });
const Content = z.union([z.string(), z.array(ContentPart)]).nullish();

const Message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: Content,
  tool_calls: z
    .array(z.looseObject({ function: z.looseObject({ name: z.string() }).optional() }))
    .optional(),
});

/** Body of `POST /v1/chat/completions` as far as the emulator heeds it. */
export const ChatRequest = z.looseObject({
  model: z.string(),
  messages: z.array(Message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  tools: z
    .array(
      z.looseObject({
        type: z.string(),
        function: z
          .looseObject({
            name: z.string(),
            parameters: z
              .looseObject({
                properties: z.record(z.string(), z.looseObject({ type: z.unknown() })).optional(),
              })
              .optional(),
          })
          .optional(),
      }),
    )
    .nullish(),
  tool_choice: z.unknown().optional(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

export function deskMessages({ messages }: ChatRequest): DeskMessage[] {
  return messages.map(({ role, content, tool_calls }) => ({
    role,
    text:
      typeof content === 'string'
        ? content
        : (content ?? []).map((part) => part.text ?? '').join(''),
    calls: (tool_calls ?? []).flatMap((call) => (call.function ? [call.function.name] : [])),
  }));
}

export function deskTools({ tools, tool_choice }: ChatRequest): Tool[] {
  if (tool_choice === 'none') return [];
  return (tools ?? []).flatMap((tool) => {
    if (!tool.function) return [];
    const { name, parameters } = tool.function;
    return [{ name, ...(parameters && { parameters: { properties: parameters.properties } }) }];
  });
}
