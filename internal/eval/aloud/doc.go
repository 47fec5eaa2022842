// Package aloud measures the method of reading digits aloud as the product judges
// it: digits of real voices by their recogniser (Measure), and lips against sound
// (Lips). Strings of digits are put together from single ones, sounds of noise are
// drawn, everything by a seed; what is simulated is said in the report.
package aloud
