// Package cases plays the inputs of public reports, and edits of them. Package reports of playground/e2e has the files,
// whose headers say what must hold, and plays them with pods and requests.
package cases
