/**
 * What Trireme's speed and memory are compared with: the plainest Java programs on libtorch, which
 * use nothing of Trireme, so that what Trireme adds shows in the difference; and benches of parts
 * of Trireme that need no cluster.
 */
package dev.trireme.bench;
