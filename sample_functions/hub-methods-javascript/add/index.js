// `connection.invoke("add", 2, 3)` gets what is returned here; parameterNames name the arguments.
module.exports = async (context) => context.bindingData.left + context.bindingData.right;
