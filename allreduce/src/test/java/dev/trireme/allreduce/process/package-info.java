/** Ranks as real processes under a media driver in the test's JVM. */
package dev.trireme.allreduce.process;
