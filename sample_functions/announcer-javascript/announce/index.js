// Runs only when an operator asks for it. Input that is JSON arrives as an object, any other as text.
module.exports = async (context, announcement) => {
  const { to, text } = typeof announcement === "string" ? { text: announcement } : announcement;
  return { target: "newMessage", arguments: [text], ...(to && { userId: to }) };
};
