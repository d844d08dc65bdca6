/** The kernels against arithmetic on one element at a time, and how fast they are. */
package dev.trireme.allreduce.kernel;
