/**
 * The embedded cluster of {@code train}: the same coordinator and the same agent that run on hosts
 * of their own, in this process and on loopback. It wires, waits and closes.
 */
package dev.trireme.launcher.embedded;
