// Invented people for the tests: common placeholder names, and numbers with a
// right check digit (GB 11643) under the address code 990000, which was never given out.

/** Appends the check character of GB 11643-1999 to 17 digits. */
export function withCheck(digits17) {
  const w = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const s = w.reduce((a, k, i) => a + k * Number(digits17[i]), 0);
  return digits17 + '10X98765432'[s % 11];
}

const NAMES = ['张三', '李四', '王五', '赵六'];

/** The n-th invented person. */
export function person(n) {
  const serial = String(100 + n).padStart(3, '0');
  return { name: NAMES[n % NAMES.length], idCardNumber: withCheck(`99000019900307${serial}`) };
}
