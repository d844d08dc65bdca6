/**
 * The public Java training API: what a training program is given and what it must tell, from which
 * the built-in trainer and a user's own loop are written alike.
 */
package dev.trireme.api.train;
