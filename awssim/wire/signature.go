package wire

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far the time of a signature may be from the service's.
const maxSkew = 5 * time.Minute

// presignedLife is how long a signature in a URL without X-Amz-Expires is valid.
const presignedLife = 15 * time.Minute

const signedTime = "20060102T150405Z"

// verify checks a signature of version 4 by the secret of its access key. AWS General Reference, "Create a signed AWS
// API request". It does not check the scope, which the caller has done.
func (s *Server) verify(r *request, signed scope) problem {
	secret, known := s.options.Secret(signed.accessKey)
	if !known {
		return unknownKey
	}
	stamp, problem := s.stamp(r, signed)
	if problem != noProblem {
		return problem
	}
	if !slices.Contains(signed.headers, "host") {
		return badSignature
	}
	if !hmac.Equal([]byte(signature(r, signed, secret, stamp)), []byte(signed.signature)) {
		return wrongSignature
	}
	return noProblem
}

// checksTime reports whether calls must have been signed lately.
func (s *Server) checksTime() bool {
	return s.options.Secret != nil || s.options.CheckTime != nil && s.options.CheckTime()
}

// stamp is when the call was signed, which must not be long ago by the service's time.
func (s *Server) stamp(r *request, signed scope) (string, problem) {
	stamp := r.Header.Get("X-Amz-Date")
	if signed.presigned {
		stamp = r.form.Get("X-Amz-Date")
	}
	at, err := time.Parse(signedTime, stamp)
	if err != nil || at.Format("20060102") != signed.date {
		return stamp, badSignature
	}
	latest := maxSkew
	if signed.presigned {
		latest = presignedLife
	}
	if life := r.form.Get("X-Amz-Expires"); signed.presigned && life != "" {
		seconds, err := strconv.Atoi(life)
		if err != nil || seconds < 0 {
			return stamp, badSignature
		}
		latest = time.Duration(seconds) * time.Second
	}
	if age := s.options.Now().Sub(at); age > latest || age < -maxSkew {
		return stamp, skewed
	}
	return stamp, noProblem
}

// signature is what the signature of the request must be, in hexadecimal digits.
func signature(r *request, signed scope, secret, stamp string) string {
	sum := sha256.Sum256(r.body)
	payload, path := hex.EncodeToString(sum[:]), canonicalPath(r.URL)
	if signed.service == storage {
		path = cmp.Or(r.URL.EscapedPath(), "/")
		if named := r.Header.Get("X-Amz-Content-Sha256"); strings.HasPrefix(named, "STREAMING-") ||
			named == "UNSIGNED-PAYLOAD" {
			payload = named
		}
	}
	var canonical strings.Builder
	canonical.WriteString(r.Method + "\n" + path + "\n" + canonicalQuery(r.URL.Query()) + "\n")
	for _, name := range signed.headers {
		canonical.WriteString(name + ":" + canonicalHeader(r.Request, name) + "\n")
	}
	canonical.WriteString("\n" + strings.Join(signed.headers, ";") + "\n" + payload)

	hash := sha256.Sum256([]byte(canonical.String()))
	place := signed.date + "/" + signed.region + "/" + signed.service + "/aws4_request"
	key := []byte("AWS4" + secret)
	for part := range strings.SplitSeq(place, "/") {
		key = keyed(key, part)
	}
	return hex.EncodeToString(keyed(key, algorithm+"\n"+stamp+"\n"+place+"\n"+hex.EncodeToString(hash[:])))
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// canonicalPath is the path as sent, encoded once more, as all services but S3 have it.
func canonicalPath(u *url.URL) string {
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	parts := strings.Split(path, "/")
	for i, part := range parts {
		parts[i] = encoded(part)
	}
	return strings.Join(parts, "/")
}

// canonicalQuery is the query without a presigned signature, sorted by name and value.
func canonicalQuery(query url.Values) string {
	var pairs []string
	for name, values := range query {
		if name == "X-Amz-Signature" {
			continue
		}
		for _, v := range values {
			pairs = append(pairs, encoded(name)+"="+encoded(v))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// encoded escapes all but the unreserved characters of RFC 3986.
func encoded(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// canonicalHeader is the values of a header with runs of spaces made one; net/http keeps the host and the length apart.
func canonicalHeader(r *http.Request, name string) string {
	values := r.Header.Values(name)
	switch {
	case name == "host":
		values = []string{r.Host}
	case name == "content-length" && len(values) == 0:
		values = []string{strconv.FormatInt(r.ContentLength, 10)}
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(trimmed, ",")
}
