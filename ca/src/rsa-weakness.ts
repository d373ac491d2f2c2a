/** Odd primes below 752, the bound that public CAs use for trial division of a modulus. */
const smallPrimes: readonly bigint[] = Array.from({ length: 376 }, (_, index) =>
  BigInt(2 * index + 3),
).filter(isPrime);

function isPrime(candidate: bigint): boolean {
  for (let divisor = 2n; divisor * divisor <= candidate; divisor += 1n)
    if (candidate % divisor === 0n) return false;
  return true;
}

/** True for an even modulus or one that a prime below 752 divides. */
export function hasSmallFactor(modulus: bigint): boolean {
  return modulus % 2n === 0n || smallPrimes.some((prime) => modulus % prime === 0n);
}

/** The residues 65537^k mod prime: the generator of the affected chips picks primes among these only. */
function powersOf65537(prime: bigint): ReadonlySet<bigint> {
  const powers = new Set<bigint>();
  for (let power = 1n; !powers.has(power); power = (power * 65_537n) % prime) powers.add(power);
  return powers;
}

const rocaMarkers = smallPrimes
  .filter((prime) => prime <= 167n)
  .map((prime) => ({ prime, powers: powersOf65537(prime) }));

/**
 * True for moduli of the chips of CVE-2017-15361 ("ROCA"), which edge hardware with a TPM may still carry:
 * their modulus is a power of 65537 modulo each of the first primes. A sound modulus passes all of them
 * with a probability below 2^-27.
 */
export function hasRocaFingerprint(modulus: bigint): boolean {
  return rocaMarkers.every(({ prime, powers }) => powers.has(modulus % prime));
}
