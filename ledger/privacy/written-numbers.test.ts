import { expect, test } from 'vitest';
import { maskOf } from './redact.ts';

const mask = maskOf('+493012340', 'RU');

test.each([
  '+493012340',
  '493012340',
  '00493012340',
  '+49 30 12340',
  '+49 (0)30 12340',
  '+49\u00a030\u00a012340',
  '+49-30-12340',
  '+49 (30) 123-40',
  '030 12340',
  '(030) 12340',
  '03012340',
  '030\u20121234\u20140',
  '030\u22121234\u20090',
  '030 12\n340',
  '030, 123, 40',
  '0, 3, 0, 1, 2, 3, 4, 0',
  '030_12340',
  '030\u00ad12340',
])('%s is the number, also within a text', (written) => {
  expect(mask(written)).toBe('erased');
  for (const [before, after] of [
    ['', '_AbCd12'],
    ['call-_', '_AbCd12'],
    ['sip_', ''],
    ['sip:', '@trunk.example;user=phone'],
    ['tel:', ';ext=22'],
    ['"Anna ', '" <sip:'],
    ['My number is ', '. And yours?'],
    ['', ', +493012341'],
  ]) {
    expect(mask(`${before}${written}${after}`)).toBe(`${before}erased${after}`);
  }
});

test.each([
  '+4930123401',
  '+49301234',
  '+1493012340',
  '1493012340',
  '4930123401',
  '+49 30 12340 1',
  '+49 30 12340-1',
  '030 12340 1',
  '030 123401',
  '00 49 30 12340 1',
  'call-_+4930123401_AbCd12',
  '12340',
  'RM_x',
  '2026-11-20T10:00:00.000Z',
  '',
])('%s is another, or none', (text) => {
  expect(mask(text)).toBe(text);
});

test('numbers in a row are told apart', () => {
  expect(mask('493012340 493012341 493012340')).toBe('erased 493012341 erased');
  expect(mask('+493012340 +4930123401')).toBe('erased +4930123401');
  expect(mask('+4930123401 +493012340')).toBe('+4930123401 erased');
});

test('the trunk\u2019s country reads a number without a prefix first', () => {
  const american = maskOf('+19162345678', 'RU');
  expect(american('916 234 56 78')).toBe('916 234 56 78');
  expect(american('1 916 234 5678')).toBe('erased');
  expect(maskOf('+19162345678', 'US')('916 234 56 78')).toBe('erased');
});
