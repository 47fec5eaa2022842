// Invented identity numbers for the demo: right in form (GB 11643-1999) and
// nobody's, because area code 990000 was never given out.

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/** The check character of 17 digits. */
export function checkCharacter(digits: string): string {
  let sum = 0;
  for (let i = 0; i < 17; i++) sum += Number(digits[i]) * WEIGHTS[i]!;
  return '10X98765432'[sum % 11]!;
}

/** Makes a number; random gives 0 ≤ x < 1. Birth dates from 1960 to 1999. */
export function inventNumber(random: () => number): string {
  const pick = (from: number, to: number): number => from + Math.floor(random() * (to - from + 1));
  const two = (n: number): string => String(n).padStart(2, '0');
  const digits = `990000${pick(1960, 1999)}${two(pick(1, 12))}${two(pick(1, 28))}${String(pick(0, 999)).padStart(3, '0')}`;
  return digits + checkCharacter(digits);
}
