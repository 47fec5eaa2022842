// Package faces measures how well the product tells one person's face from
// another's, on pictures that an operator has: false match and false non-match
// rates (ISO/IEC 19795-1), by group, with intervals that draw whole persons
// again, and thresholds for target rates. It embeds with the engine that the
// server uses, keeps what a comparison gave in a trials file without names or
// pictures, and can make its report again from that file alone.
package faces
