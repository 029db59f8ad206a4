package idp

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// sessionCookie remembers the user that signed in with a browser.
const sessionCookie = "idp-session"

// authorize is the authorization endpoint (RFC 6749 section 4.1.1, OpenID Connect Core 3.1.2).
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	client, problem := p.checkRequest(r.Host, q)
	if problem != "" { // nothing may be sent to an address that is not trusted
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	knobs := p.knobs
	user := knobs.AutoLogin
	if c, err := r.Cookie(sessionCookie); err == nil && p.sessions[c.Value] != "" {
		user = p.sessions[c.Value]
	}
	p.mu.Unlock()
	// made here rather than while a load balancer waits for tokens, for a few seconds at most
	if _, err := p.key(); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	prompt := strings.Fields(q.Get("prompt"))
	if slices.Contains(prompt, "login") && knobs.AutoLogin == "" {
		user = ""
	}
	switch {
	case knobs.AuthorizeError != "":
		answer(w, r, q, url.Values{"error": {knobs.AuthorizeError}})
	case q.Get("response_type") != "code":
		answer(w, r, q, url.Values{"error": {"unsupported_response_type"}})
	case user != "":
		p.grantCode(w, r, q, user)
	case slices.Contains(prompt, "none"):
		answer(w, r, q, url.Values{"error": {"login_required"}})
	default:
		p.ask(w, client, r.URL.RawQuery, "")
	}
}

// checkRequest returns what is wrong with the client or the redirect URI of an authorization request.
func (p *Provider) checkRequest(host string, q url.Values) (Client, string) {
	client, ok := p.client(host, q.Get("client_id"))
	if !ok || client.ID == "" {
		return client, "unknown client_id"
	}
	target := q.Get("redirect_uri")
	u, err := url.Parse(target)
	if err != nil || u.Scheme != "https" || u.Host == "" || len(client.RedirectURIs) > 0 &&
		!slices.Contains(client.RedirectURIs, target) {
		return client, "redirect_uri is not one of the client's"
	}
	return client, ""
}

// answer sends the client back to the application.
func answer(w http.ResponseWriter, r *http.Request, request, fields url.Values) {
	if state := request.Get("state"); state != "" && !fields.Has("state") {
		fields.Set("state", state)
	}
	target := request.Get("redirect_uri")
	separator := "?"
	if strings.Contains(target, "?") {
		separator = "&"
	}
	if s := fields.Encode(); s != "" {
		target += separator + s
	}
	http.Redirect(w, r, target, http.StatusFound)
}

func (p *Provider) ask(w http.ResponseWriter, client Client, request, problem string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, signInPage(client.ID, request, problem, p.users)) // fails if the client left
}

// login takes the sign-in page's form.
func (p *Provider) login(w http.ResponseWriter, r *http.Request) {
	request := r.PostFormValue("request")
	q, err := url.ParseQuery(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	client, problem := p.checkRequest(r.Host, q)
	if problem != "" {
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	user, ok := p.user(r.PostFormValue("username"))
	if !ok || user.Password != "" && user.Password != r.PostFormValue("password") {
		p.ask(w, client, request, "There is no such user with this password.")
		return
	}
	session, err := p.secret()
	if err != nil {
		serverError(w, err)
		return
	}
	p.mu.Lock()
	p.sessions[session] = user.Name
	p.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: session, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode})
	p.grantCode(w, r, q, user.Name)
}

// grantCode sends the client back with a code.
func (p *Provider) grantCode(w http.ResponseWriter, r *http.Request, q url.Values, user string) {
	g := grant{
		issuer: p.issuer(r.Host), client: q.Get("client_id"), user: user, scope: q.Get("scope"), nonce: q.Get("nonce"),
		redirectURI: q.Get("redirect_uri"), expires: p.now().Add(codeLife),
	}
	p.mu.Lock()
	code, err := p.keep(p.codes, g)
	knobs := p.knobs
	p.mu.Unlock()
	if err != nil {
		serverError(w, err)
		return
	}
	fields := url.Values{}
	if !knobs.DropCode {
		fields.Set("code", code)
	}
	if knobs.DropState {
		q.Del("state")
	}
	answer(w, r, q, fields)
}

// logout forgets the user that signed in with a browser and redirects it to the URL of the request.
func (p *Provider) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(sessionCookie); err == nil {
		p.mu.Lock()
		delete(p.sessions, c.Value)
		p.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true})
	q := r.URL.Query()
	for _, name := range []string{"post_logout_redirect_uri", "logout_uri", "redirect_uri"} {
		if target := q.Get(name); target != "" {
			http.Redirect(w, r, target, http.StatusFound)
			return
		}
	}
	_, _ = w.Write([]byte("signed out\n"))
}
