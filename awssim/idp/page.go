package idp

import (
	"fmt"
	"html"
	"strings"
)

// signInPage is the sign-in page. It is written without html/template, with which the linker keeps all methods of all
// types.
func signInPage(client, request, problem string, users []User) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<!DOCTYPE html>
<html lang="en"><head><title>Sign in</title></head><body>
<h1>Sign in to %s</h1>
`, html.EscapeString(client))
	if problem != "" {
		fmt.Fprintf(&b, "<p role=\"alert\">%s</p>", html.EscapeString(problem))
	}
	fmt.Fprintf(&b, `
<form method="post" action="/login">
<input type="hidden" name="request" value="%s">
<label>User <input name="username" list="users" autofocus></label>
<datalist id="users">`, html.EscapeString(request))
	for _, u := range users {
		fmt.Fprintf(&b, `<option value="%s">`, html.EscapeString(u.Name))
	}
	b.WriteString(`</datalist>
<label>Password <input name="password" type="password"></label>
<button>Sign in</button>
</form></body></html>
`)
	return b.String()
}
