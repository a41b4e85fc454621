import type { Logger } from 'pino';
import { Levels, LoggerFactory } from 'sip.js/lib/core/index.js';

/**
 * What SIP.js logs, at debug: its messages quote headers and with them numbers, so that they go
 * into the redactable field `text`.
 */
export function sipLog(log: Logger): LoggerFactory {
  const factory = new LoggerFactory();
  factory.builtinEnabled = false;
  factory.level = Levels.debug;
  factory.connector = (level, category, _label, content) => {
    if (log.isLevelEnabled('debug'))
      log.debug({ level, category, text: String(content) }, 'SIP.js');
  };
  return factory;
}
