package alb

import (
	"maps"
	"net/http"

	"github.com/k8s-lbc/lbc/awssim/webacl"
)

// blocked evaluates the load balancer's web ACL before any rule of the listener. It answers, and reports true, when the
// web ACL blocks the request.
func (x *exchange) blocked() bool {
	acl := x.snapshot.Firewall
	if acl == nil {
		return false
	}
	if x.snapshot.FirewallOut {
		x.acted("waf-failed")
		if x.snapshot.Settings.FailOpen {
			return false
		}
		x.fail(http.StatusInternalServerError)
		return true
	}
	x.acted("waf")
	action, _ := acl.Decide(&webacl.Request{
		Client: x.conn.Client.Addr(), Method: x.r.Method, Path: x.path, Query: x.query, Header: x.r.Header, Host: x.host,
	})
	if action.Kind != webacl.Block {
		return false
	}
	custom := action.Response
	if custom == nil {
		x.fail(http.StatusForbidden)
		return true
	}
	maps.Copy(x.w.Header(), custom.Header)
	x.generate(custom.Status, custom.ContentType, custom.Body)
	return true
}
