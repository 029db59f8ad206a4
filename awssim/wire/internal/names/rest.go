package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// restRoute is how an action of a REST service is asked for.
type restRoute struct {
	action, method, path string
	query                map[string]string // name in the URL → field
	location             bool              // the output's Location is a header
}

// restTables are what the codec needs of a REST-XML service: element names, names of list items, and routes.
type restTables struct {
	names, items table
	routes       []restRoute
}

func (t *restTables) write(b *bytes.Buffer, variable string) {
	write(b, variable+"Names", t.names, same)
	write(b, variable+"ItemNames", t.items, func(string) string { return "member" })
	fmt.Fprintf(b, "var %sRoutes = []route{\n", variable)
	for _, r := range t.routes {
		fmt.Fprintf(b, "{action: %q, method: %q, path: %q", r.action, r.method, r.path)
		if len(r.query) > 0 {
			b.WriteString(", query: map[string]string{")
			for _, name := range slices.Sorted(maps.Keys(r.query)) {
				fmt.Fprintf(b, "%q: %q,", name, r.query[name])
			}
			b.WriteString("}")
		}
		if r.location {
			b.WriteString(", location: true")
		}
		b.WriteString("},\n")
	}
	b.WriteString("}\n\n")
}

// rest reads the serialisers of a REST-XML service.
func rest(dir string) (*restTables, error) {
	t := &restTables{names: table{}, items: table{}}
	for _, side := range []struct {
		file  string
		names func(shape string, f *ast.FuncDecl, into table)
	}{
		{"serializers.go", elements}, {"deserializers.go", deserialized},
	} {
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, side.file), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		functions, methods := map[string]*ast.FuncDecl{}, map[string]*ast.FuncDecl{}
		for _, d := range parsed.Decls {
			switch f, ok := d.(*ast.FuncDecl); {
			case ok && f.Recv == nil:
				functions[f.Name.Name] = f
			case ok && f.Name.Name == "HandleSerialize":
				methods[f.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name] = f
			}
		}
		for _, name := range slices.Sorted(maps.Keys(functions)) {
			f := functions[name]
			shape := shapeOf(f)
			if shape == "" {
				continue
			}
			_, document, _ := strings.Cut(name, "_deserializeDocument")
			switch {
			case strings.Contains(name, "HttpBindings"), strings.Contains(name, "_deserializeError"):
			// an error's
			case functions[strings.Replace(name, "_deserializeDocument"+document, "_deserializeError"+document, 1)] != nil &&
				document != "":
			case strings.Contains(name, "_serialize"), strings.Contains(name, "_deserializeDocument"),
				strings.Contains(name, "_deserializeOpDocument"):
				side.names(shape, f, t.names)
				listItems(shape, f, functions, t.items)
			}
		}
		for _, name := range slices.Sorted(maps.Keys(methods)) {
			prefix, action, _ := strings.Cut(name, "_serializeOp")
			t.routes = append(t.routes, routeOf(action, methods[name], functions[prefix+"_serializeOpHttpBindings"+
				action+"Input"]))
		}
		for i, r := range t.routes {
			for name := range functions {
				if strings.HasSuffix(name, "_deserializeOpHttpBindings"+r.action+"Output") {
					t.routes[i].location = true // the only header that the service answers in
				}
			}
		}
	}
	return t, nil
}

// elements finds `if v.Field … { … Name{Local: "Name"} …`.
func elements(shape string, f *ast.FuncDecl, into table) {
	for _, s := range f.Body.List {
		condition, ok := s.(*ast.IfStmt)
		if !ok {
			continue
		}
		if name := local(condition.Body); name != "" {
			into.set(shape, firstField(condition.Cond, "v"), name)
		}
	}
}

// local is the first Local: "Name" in n.
func local(n ast.Node) string {
	name := ""
	ast.Inspect(n, func(n ast.Node) bool {
		if kv, ok := n.(*ast.KeyValueExpr); ok && name == "" {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == "Local" {
				name = literal(kv.Value)
			}
		}
		return name == ""
	})
	return name
}

// listItems finds the calls of functions for lists with `v.Field` or `&sv.Field`, and what those call an item.
func listItems(shape string, f *ast.FuncDecl, functions map[string]*ast.FuncDecl, into table) {
	ast.Inspect(f.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		id, ok := call.Fun.(*ast.Ident)
		if !ok || functions[id.Name] == nil || !strings.Contains(id.Name, "erializeDocument") || !ofList(functions[id.Name]) {
			return true
		}
		field := firstField(call.Args[0], "v")
		name := local(functions[id.Name].Body)
		if strings.Contains(id.Name, "_deserialize") {
			field, name = firstField(call.Args[0], "sv"), folded(functions[id.Name].Body)
		}
		if field != "" && name != "" {
			into.set(shape, field, name)
		}
		return true
	})
}

// ofList reports whether the function's first parameter is a list or points to one.
func ofList(f *ast.FuncDecl) bool {
	t := f.Type.Params.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	_, ok := t.(*ast.ArrayType)
	return ok
}

// folded is the first `strings.EqualFold("Name", …)` in n.
func folded(n ast.Node) string {
	name := ""
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && name == "" && len(call.Args) == 2 {
			if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "EqualFold" {
				name = literal(call.Args[0])
			}
		}
		return name == ""
	})
	return name
}

// routeOf reads method, path and query of an action off its serialiser and the function that binds its input to the
// URL.
func routeOf(action string, serialize, bind *ast.FuncDecl) restRoute {
	r := restRoute{action: action, query: map[string]string{}}
	ast.Inspect(serialize.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "SplitURI" {
				r.path = literal(n.Args[0])
			}
		case *ast.AssignStmt:
			if f, ok := n.Lhs[0].(*ast.SelectorExpr); ok && f.Sel.Name == "Method" {
				r.method = literal(n.Rhs[0])
			}
		}
		return true
	})
	if bind == nil {
		return r
	}
	for _, s := range bind.Body.List {
		condition, ok := s.(*ast.IfStmt)
		if !ok {
			continue
		}
		ast.Inspect(condition.Body, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && len(call.Args) == 1 {
				if f, ok := call.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "SetQuery" {
					r.query[literal(call.Args[0])] = firstField(condition.Cond, "v")
				}
			}
			return true
		})
	}
	return r
}
