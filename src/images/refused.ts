/** An image that is not accepted; the message is the whole reason, a clause about "it" that says what to do. */
export class Refused extends Error {}
