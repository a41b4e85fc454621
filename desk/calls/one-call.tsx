export function OneCall() {
  return null;
}
