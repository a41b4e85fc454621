/** Of the straight line through equally spaced values (least squares): units a step. */
export function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let products = 0;
  let squares = 0;
  for (const [step, value] of values.entries()) {
    products += (step - middle) * (value - mean);
    squares += (step - middle) ** 2;
  }
  return squares === 0 ? 0 : products / squares;
}
