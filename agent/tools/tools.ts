import { llm } from '@livekit/agents';

/** The agent's way to hang up: the goodbye it has just said is heard first. */
export function endCallTool(hangUp: () => void): llm.FunctionTool {
  return llm.tool({
    name: 'end_call',
    description:
      'Hang up the phone. Call this after you have said goodbye, when the caller has said that ' +
      'they are done. Never call it while the caller still wants something.',
    execute: async (_arguments, { ctx }) => {
      await ctx.waitForPlayout();
      hangUp();
      return 'The call has ended.';
    },
  }) as llm.FunctionTool;
}
