// Package score is the arithmetic of evaluation: rates with exact intervals,
// quantiles, the test of uniformity, and the division of persons into those
// that tune and those that are reported. The names are those of ISO/IEC 30107-3
// (APCER, BPCER, IAPAR) and ISO/IEC 19795-1 (FRR, FAR). It knows nothing of
// faces and imports nothing of the product.
package score
