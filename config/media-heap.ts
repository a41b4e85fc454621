/**
 * For Node in processes that carry audio: 50 small objects a second and call make the heap grow to
 * three times what lives in it before V8 looks. These cost a twentieth more CPU.
 */
export const MEDIA_HEAP_FLAGS = ['--max-semi-space-size=4', '--heap-growing-percent=100'];
