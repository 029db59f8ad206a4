package traffic

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/k8s-lbc/lbc/internal/model/stack"
)

// Location returns the URL of a redirect's answer: protocol://host:port/path?query with the keywords expanded from the
// request. Empty fields have AWS's defaults. The protocol is in lower case. The port is always printed. An empty query
// has no question mark. Nothing is encoded or decoded.
func Location(rd stack.Redirect, r *Request) string {
	expand := strings.NewReplacer(
		"#{protocol}", strings.ToLower(r.Scheme),
		"#{host}", withoutPort(r.Host),
		"#{port}", strconv.Itoa(int(r.Port)),
		"#{path}", strings.TrimPrefix(r.Path, "/"),
		"#{query}", r.RawQuery,
	)
	var b strings.Builder
	b.WriteString(strings.ToLower(expand.Replace(cmp.Or(rd.Protocol, "#{protocol}"))))
	b.WriteString("://")
	b.WriteString(expand.Replace(cmp.Or(rd.Host, "#{host}")))
	b.WriteByte(':')
	b.WriteString(expand.Replace(cmp.Or(rd.Port, "#{port}")))
	b.WriteString(expand.Replace(cmp.Or(rd.Path, "/#{path}")))
	if query := expand.Replace(cmp.Or(rd.Query, "#{query}")); query != "" {
		b.WriteByte('?')
		b.WriteString(query)
	}
	return b.String()
}

// Location returns the target of a redirect of the decision, for the request that was decided about. Host and path are
// taken after the rule's transforms. An error means that the load balancer answers 500, as of Rewrite.
func (d *Decision) Location(rd stack.Redirect, r *Request) (string, error) {
	host, path, err := d.Rewrite(r.Host, r.Path)
	if err != nil {
		return "", err
	}
	rewritten := *r
	rewritten.Host, rewritten.Path = host, path
	return Location(rd, &rewritten), nil
}

// RedirectStatus returns the HTTP status of a redirect action: 302 for HTTP_302, else 301.
func RedirectStatus(rd stack.Redirect) int {
	if rd.StatusCode == "HTTP_302" {
		return 302
	}
	return 301
}
