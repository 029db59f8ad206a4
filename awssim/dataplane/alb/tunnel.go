package alb

import (
	"io"
	"net/http"
	"sync"

	"github.com/k8s-lbc/lbc/awssim/dataplane/flow"
	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
	"github.com/k8s-lbc/lbc/awssim/dataplane/targetgroup"
)

// tunnel carries an upgraded connection until either side ends it or nothing moves for the idle time-out.
func (x *exchange) tunnel(g *targetgroup.Group, t *targetgroup.Target, res *http.Response, idle *flow.IdleTimer) {
	target, ok := res.Body.(io.ReadWriteCloser)
	if !ok || httpwire.UpgradeOf(x.r.Header) == "" {
		x.upgraded = false
		x.fail(http.StatusBadGateway)
		return
	}
	client, buffered, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.fail(http.StatusBadGateway)
		return
	}
	f := flow.New(func() { flow.Abort(client); _ = target.Close() })
	if !x.server.Flows.Add(f) {
		return
	}
	defer x.server.Flows.Remove(f)
	defer func() { _ = client.Close(); _ = target.Close() }()
	idle.OnExpiry(f.Reset)

	x.setCookies(g, t, res)
	for _, c := range append(x.w.Header()["Set-Cookie"], x.identity.cookies...) {
		res.Header.Add("Set-Cookie", c)
	}
	for name, value := range x.snapshot.ResponseHeaders {
		res.Header.Set(name, value)
	}
	head := &http.Response{StatusCode: res.StatusCode, ProtoMajor: 1, ProtoMinor: 1, Header: res.Header}
	if head.Write(client) != nil {
		return
	}
	var both sync.WaitGroup
	var up, down int64
	both.Go(func() { up, _ = flow.Copy(target, buffered.Reader, idle); _ = target.Close() })
	both.Go(func() { down, _ = flow.Copy(client, target, idle); _ = client.Close() })
	both.Wait()
	x.received += up
	x.sent += down
}
