package dataplane

import (
	"io"
	"net/http"
	"sync"

	"github.com/k8s-lbc/lbc/awssim/dataplane/httpwire"
)

// tunnel carries an upgraded connection until either side ends it or nothing moves for the idle time-out.
func (x *exchange) tunnel(g *group, t *target, res *http.Response, idle *watchdog) {
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
	f := &flow{abort: func() { abort(client); _ = target.Close() }}
	if !x.front.addFlow(f) {
		f.reset()
		return
	}
	defer x.front.removeFlow(f)
	defer func() { _ = client.Close(); _ = target.Close() }()
	idle.onExpiry(f.reset)

	x.setCookies(g, t, res)
	for _, c := range append(x.w.Header()["Set-Cookie"], x.identity.cookies...) {
		res.Header.Add("Set-Cookie", c)
	}
	for name, value := range x.view.ResponseHeaders {
		res.Header.Set(name, value)
	}
	head := &http.Response{StatusCode: res.StatusCode, ProtoMajor: 1, ProtoMinor: 1, Header: res.Header}
	if head.Write(client) != nil {
		return
	}
	var both sync.WaitGroup
	var up, down int64
	both.Go(func() { up, _ = pump(target, buffered.Reader, idle); _ = target.Close() })
	both.Go(func() { down, _ = pump(client, target, idle); _ = client.Close() })
	both.Wait()
	x.received += up
	x.sent += down
}

// pump copies until an end or an error and returns how much it was.
func pump(to io.Writer, from io.Reader, idle *watchdog) (int64, error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	var total int64
	for {
		n, err := from.Read(*buf)
		if n > 0 {
			idle.feed()
			if _, werr := to.Write((*buf)[:n]); werr != nil {
				return total, werr
			}
			total += int64(n)
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
