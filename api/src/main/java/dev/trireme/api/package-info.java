/**
 * The ports of Trireme and the records that cross them: what a job is, what a rank computes with,
 * what ranks say to each other. It depends on the JDK and slf4j alone, so that every implementation
 * (libtorch, Aeron, NCCL, a parameter server, a test's fake) can be exchanged behind it.
 */
package dev.trireme.api;
