// Package canonical tells whether two values mean the same to AWS, whatever they are written like: actions, conditions and rules of
// security groups as texts, and the values that AWS takes where none is given. It imports only the standard library and stack.
package canonical
