package sandbox

import (
	"errors"
	"fmt"
)

// What the user is told once, until it ends; a Forward is told, too.
const (
	noNameServer = "name server"
	noPlayground = "playground"
)

// tell prints a problem of the network, unless the user knows it. An empty text says that the problem has ended.
func (r *relay) tell(problem any, text string) {
	r.telling.Lock()
	defer r.telling.Unlock()
	if text == "" {
		delete(r.told, problem)
		return
	}
	if !r.told[problem] && r.ctx.Err() == nil {
		r.told[problem] = true
		_, _ = fmt.Fprintln(r.options.Err, "playground exec:", text)
	}
}

// tellNameServer reports that the name server does not answer.
func (r *relay) tellNameServer(err error) {
	text := ""
	if err != nil {
		text = fmt.Sprintf("the playground's name server does not answer, so no name resolves: %v. "+
			"See with \"playground status\" whether the playground still runs", err)
	}
	r.tell(noNameServer, text)
}

// tellForwards reports that looks at Forwards fail again and again.
func (r *relay) tellForwards(err error) {
	if err == nil {
		r.tell(noPlayground, "")
	}
	r.telling.Lock()
	r.failed++
	if err == nil {
		r.failed = 0
	}
	told := r.failed >= failures
	r.telling.Unlock()
	if told {
		r.tell(noPlayground, fmt.Sprintf("the playground does not answer, so the command does not reach new load "+
			"balancers: %v. See with \"playground status\" whether the playground still runs", err))
	}
}

// tellSocket reports that a load balancer's address cannot be opened in the command's network.
func (r *relay) tellSocket(f Forward, err error) {
	refused := new(refusal)
	switch {
	case err == nil:
		r.tell(f, "")
	case errors.As(err, &refused) && refused.Taken:
		r.tell(f, fmt.Sprintf("the load balancer at %s %s is not reachable: a server of the command has this port: "+
			"end that server, or give it another port", f.Network, f.At))
	case errors.As(err, &refused):
		r.tell(f, fmt.Sprintf("the load balancer at %s %s is not reachable: %v", f.Network, f.At, err))
	}
}
