import type { Lines, Topic, Understanding } from './lines.ts';

const HOURS =
  'час|два|три|четыре|пять|шесть|семь|восемь|девять|десять|полдень|\\d{1,2}(?::\\d\\d)?';
const DAYS =
  'сегодня|завтра|послезавтра|в понедельник|во вторник|в среду|в четверг|в пятницу|в субботу|в воскресенье';
const PARTIES = 'одного|двоих|троих|четверых|пятерых|шестерых|семерых|восьмерых';

const TOPICS: readonly (readonly [Topic, RegExp])[] = [
  ['hours', /работаете|открыт|закрываетесь/],
  ['address', /адрес|где вы|как (вас найти|проехать)/],
  ['parking', /парковк/],
  ['vegetarian', /вегетариан/],
  ['high_chair', /детск|ребен|ребён/],
  ['window', /у окна/],
  ['wait', /минут|секунд|подожд/],
  ['hearing', /слышите|слышно/],
  ['manager', /менеджер|администратор|человек(ом|у)/],
  ['cancel', /отмен/],
  ['change', /измен|перенес/],
  ['number', /мой (номер|телефон)/],
];

const INTENTS: readonly (readonly [NonNullable<Understanding['intent']>, RegExp])[] = [
  ['goodbye', /до свидания|всего доброго|это вс[её]/],
  ['repeat', /повтори/],
  ['no', /^нет|неверно|неправильно/],
  ['yes', /^(да|верно|правильно|конечно)/],
  ['book', /заброниров|столик|бронь/],
  ['thanks', /спасибо/],
  ['greeting', /^(здравствуйте|добрый|привет)/],
  ['backchannel', /^(угу|ага)/],
];

export const RUSSIAN: Lines = {
  greeting: 'Добрый вечер, это ресторан. Чем могу помочь?',
  ask: {
    help: 'Чем могу помочь?',
    party: 'На сколько человек?',
    when: 'На какой день и на какое время?',
    time: 'В котором часу?',
    name: 'На чьё имя записать?',
    anything_else: 'Могу ли я ещё чем-нибудь помочь?',
  },
  answers: {
    hours: 'Мы работаем со вторника по воскресенье, с полудня до десяти вечера.',
    address: 'Наш адрес: Портовая улица, дом двенадцать.',
    parking: 'Да, машину можно оставить за домом.',
    vegetarian: 'Да, у нас всегда есть вегетарианское блюдо.',
    high_chair: 'Конечно, детский стул будет готов.',
    window: 'Я отмечу столик у окна.',
    wait: 'Конечно, не торопитесь.',
    hearing: 'Да, я хорошо вас слышу.',
    manager: 'К сожалению, администратор сейчас занят. Он вам перезвонит.',
    change: 'Конечно, оформим заказ заново.',
    cancel: 'Я отметила, что заказ отменён.',
    number: 'Спасибо, номер записан.',
  },
  notUnderstood: 'Простите, я не расслышала.',
  apology: 'Простите. Начнём сначала.',
  goodbye: 'Спасибо за звонок. До свидания.',
  transferring: 'Соединяю вас. Одну минуту, пожалуйста.',
  confirm: ({ party, day, time, name }) =>
    `Столик ${party}, ${day} в ${time}, на имя ${name}. Всё верно?`,
  booked: (number) =>
    `Столик заказан. Номер вашего заказа ${number.split('').join(' ')}. Могу ли я ещё чем-нибудь помочь?`,
  notBooked: 'К сожалению, этот столик занят. На какой другой день и время?',
  understand(words) {
    const text = words.toLowerCase();
    const find = (pattern: string) => new RegExp(pattern, 'u').exec(text)?.[1];
    const party = find(`(на (?:${PARTIES})|(?:\\d{1,2}) (?:человек|персон))`);
    const day = find(`(${DAYS})`);
    const time = find(`(?<!\\p{L})в (${HOURS})(?!\\p{L})`);
    const name = /(?:меня зовут|на имя) ([\p{L} -]+)/iu.exec(words)?.[1];
    return {
      ...(party && { party }),
      ...(day && { day }),
      ...(time && { time }),
      ...(name && { name: name.trim() }),
      topic: TOPICS.find(([, pattern]) => pattern.test(text))?.[0],
      intent: INTENTS.find(([, pattern]) => pattern.test(text))?.[0],
    };
  },
};
