"""The Python worker: the program of the child process, and the same code for use in-process.

Nothing here imports the rest of funcjson, and siblings are imported relatively: in the child this
package is loaded by file under the private name `_funcjson_worker`, so that neither `sys.path` nor
the module names of the app are touched. It must run on every Python that an app's virtual
environment may have, from 3.9.
"""
