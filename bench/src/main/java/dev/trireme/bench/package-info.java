/**
 * What Trireme's speed and memory are compared with: the plainest Java programs on libtorch. They
 * use nothing of Trireme, so that what Trireme adds shows in the difference.
 */
package dev.trireme.bench;
