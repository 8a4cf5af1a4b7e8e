/** The package has no types of its own that its entry leads to. */
declare module 'asl-validator' {
  export default function aslValidator(definition: unknown): { isValid: boolean; errors: { Message?: string }[] }
}
